import type { Command, CommonFlags } from "../context.ts";

/** What btm verify and btm bisect start in namespaces of its own; of no use by hand. */
export const checkInside: Command<CommonFlags> = async () => {
  const helper = await import("../../check/inside.ts");
  await helper.checkInside();
  // Whatever is still open here must not keep the kernel from clearing away.
  return process.exit(0);
};
