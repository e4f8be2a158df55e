import { escapeText, quote } from "../../text.ts";
import type { Snapshot } from "../driver.ts";
import type { ZfsCommand } from "./command.ts";
import { explainFailure } from "./failure.ts";
import { HOLD, PROPERTY } from "./names.ts";
import type { Step } from "./step.ts";

interface Held {
  readonly lock: number;
  readonly step: Step;
}

/** A pin is a hold, so that no other tool destroys the snapshot either, and a property, which the listing shows. */
export async function setPin(
  zfs: ZfsCommand,
  snapshot: Snapshot,
  note: string | undefined,
  { lock, step }: Held,
): Promise<void> {
  const { name, height } = snapshot;
  const action = `pin the snapshot ${quote(name)}`;
  await tolerant(zfs, ["hold", HOLD, name], /: tag already exists on this dataset$/m, {
    action,
    lock,
    step,
    as: "hold",
  });
  // A tab or a line break in it would make the listing unreadable.
  const value = `${PROPERTY.pin}=${String(height)}${note === undefined ? "" : ` ${escapeText(note)}`}`;
  await step("pin", () => zfs.change(["set", value, name], { action, lock }));
}

/** In this order: interrupted, it is held and not pinned, which unpin mends, and what is not destroyed is not lost. */
export async function unsetPin(zfs: ZfsCommand, { name }: Snapshot, { lock, step }: Held): Promise<void> {
  const action = `unpin the snapshot ${quote(name)}`;
  await step("unpin", () => zfs.change(["inherit", PROPERTY.pin, name], { action, lock }));
  const none = /: no such tag on this dataset$/m;
  await tolerant(zfs, ["release", HOLD, name], none, { action, lock, step, as: "release" });
}

/** What is so already is no failure. */
async function tolerant(
  zfs: ZfsCommand,
  args: readonly string[],
  already: RegExp,
  { action, lock, step, as }: Held & { readonly action: string; readonly as: string },
): Promise<void> {
  const ended = await step(as, () => zfs.tryChange(args, { action, lock }));
  if (ended.status !== 0 && !already.test(ended.stderr)) throw explainFailure(action, args, ended);
}
