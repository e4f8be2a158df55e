import { run } from "./run.ts";
import type { Tools } from "./tools.ts";

export interface Cost {
  readonly ms: number;
  readonly residentMB: number;
  /** How many lines it wrote, to see that it did what it was to do. */
  readonly lines: number;
}

/** Runs a command in a small parent and tells what it cost; a failure is an error. */
export async function measure(
  tools: Pick<Tools, "measure">,
  command: string,
  ...args: readonly string[]
): Promise<Cost> {
  const { stderr } = await run(tools.measure, command, ...args);
  const [ns, kib, lines, status] = (stderr.trimEnd().split("\n").at(-1) ?? "").split(" ").map(Number);
  if (ns === undefined || kib === undefined || lines === undefined || status !== 0) {
    throw new Error(`${command} ${args.slice(0, 4).join(" ")}: ${stderr.trim()}`);
  }
  return { ms: ns / 1e6, residentMB: (kib * 1024) / 1e6, lines };
}
