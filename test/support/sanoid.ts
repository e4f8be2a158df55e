import { copyFileSync, existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { run } from "./run.ts";

/** What tools/fetch-sanoid.sh brings. */
const HOME = fileURLToPath(new URL("../../.cache/sanoid", import.meta.url));

export function hasSanoid(): boolean {
  return existsSync(join(HOME, "usr/sbin/sanoid"));
}

/** How many snapshots of each kind are kept. */
export type Kept = Readonly<Record<"hourly" | "daily", number>>;

/** Runs sanoid once, as its timer does, over one dataset. */
export async function sanoid(folder: string, dataset: string, kept: Kept, command: "take" | "prune"): Promise<void> {
  mkdirSync(folder, { recursive: true });
  const lines = Object.entries(kept).map(([kind, number]) => `${kind} = ${String(number)}`);
  const rest = ["monthly = 0", "autosnap = yes", "autoprune = yes"];
  writeFileSync(join(folder, "sanoid.conf"), [`[${dataset}]`, ...lines, ...rest, ""].join("\n"));
  copyFileSync(join(HOME, "usr/share/sanoid/sanoid.defaults.conf"), join(folder, "sanoid.defaults.conf"));
  const folders = [`--configdir=${folder}`, `--cache-dir=${folder}/cache`, `--run-dir=${folder}/run`];
  const what = command === "take" ? ["--take-snapshots"] : ["--prune-snapshots", "--force-prune"];
  const script = [join(HOME, "usr/sbin/sanoid"), ...folders, "--force-update", ...what];
  await run("perl", ["-I", join(HOME, "usr/share/perl5"), ...script]);
}
