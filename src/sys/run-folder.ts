import { lstatSync } from "node:fs";
import { mkdir } from "node:fs/promises";

import { BtmError } from "../errors.ts";
import { quote } from "../text.ts";

/** What btm must know as long as the system runs, and not after a reboot. */
export const RUN_FOLDER = "/run/btm";

/**
 * Makes it. What is in it makes root start something, so only root may be able to write there.
 *
 * @param what it is for: "write down ..."
 * @throws BtmError BLOCKED
 */
export async function makeRunFolder(what: string): Promise<void> {
  await mkdir(RUN_FOLDER, { recursive: true, mode: 0o755 });
  if (isRootsOwn(RUN_FOLDER)) return;
  throw new BtmError("BLOCKED", `Cannot ${what}: ${quote(RUN_FOLDER)} can be written by others than root`, {
    hint: `chown root:root ${RUN_FOLDER} and chmod 755 ${RUN_FOLDER}, after a look at what is in it`,
  });
}

export function isRootsOwn(path: string): boolean {
  const { uid, mode } = lstatSync(path);
  return uid === 0 && (mode & 0o022) === 0;
}
