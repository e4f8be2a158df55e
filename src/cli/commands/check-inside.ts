import { BtmError } from "../../errors.ts";
import type { Command, CommonFlags } from "../context.ts";

/** What btm verify and btm bisect start in namespaces of its own; of no use by hand. */
export const checkInside: Command<CommonFlags> = async () => {
  // It kills all that it sees, and mounts.
  if (process.pid !== 1) throw new BtmError("BAD_USAGE", "Cannot run this by hand: btm verify and btm bisect do");
  const helper = await import("../../check/inside.ts");
  await helper.checkInside();
  // Whatever is still open here must not keep the kernel from clearing away.
  return process.exit(0);
};
