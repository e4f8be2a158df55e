import type { Goal } from "../driver/driver.ts";
import type { Wishes } from "./switch-wishes.ts";

/**
 * What is carried over although nobody said so: the signing state of a node whose family the mark of the snapshot tells.
 * Who allows signing state to go back gets what was asked for, and no more.
 */
export async function familyGlobs(
  goal: Goal,
  { allowSignerRewind }: Pick<Wishes, "allowSignerRewind">,
): Promise<string[]> {
  const name = goal.kind === "snapshot" ? goal.snapshot.mark?.node?.family : undefined;
  if (name === undefined || allowSignerRewind) return [];
  // Seldom needed, and much of it.
  const { FAMILIES } = await import("../chain/families.ts");
  return [...(FAMILIES.find((family) => family.name === name)?.preserve ?? [])];
}
