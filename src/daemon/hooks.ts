import { BtmError } from "../errors.ts";
import type { Height } from "../height.ts";
import { runCommand } from "../sys/spawn.ts";
import { escapeText, quote } from "../text.ts";
import type { GroupConfig, VolumeConfig } from "./config.ts";

/** Whose hooks they are. */
export type Hooked = Pick<VolumeConfig, "hooks" | "cfg"> | GroupConfig;

/** Runs `take` between the hooks of all: the first begins and ends it. */
export function withAllHooks<T>(
  [next, ...rest]: readonly Hooked[],
  height: Height,
  onFailure: (error: BtmError) => void,
  take: () => Promise<T>,
): Promise<T> {
  if (next === undefined) return take();
  return withHooks(next, height, onFailure, () => withAllHooks(rest, height, onFailure, take));
}

/** Runs `take` between the hooks: post runs whatever happened. */
export async function withHooks<T>(
  hooked: Hooked,
  height: Height,
  onFailure: (error: BtmError) => void,
  take: () => Promise<T>,
): Promise<T> {
  const { hooks } = hooked;
  const run = async (name: string, program: readonly string[] | undefined): Promise<BtmError | undefined> => {
    return program === undefined ? undefined : failureOf(name, program, hooked, height);
  };
  try {
    const failed = await run("pre_snapshot", hooks.pre);
    if (failed !== undefined && hooks.isPreFatal) throw failed;
    if (failed !== undefined) onFailure(failed);
    return await take();
  } finally {
    const failed = await run("post_snapshot", hooks.post);
    // The snapshot is what it is.
    if (failed !== undefined) onFailure(failed);
  }
}

async function failureOf(
  name: string,
  program: readonly string[],
  hooked: Hooked,
  height: Height,
): Promise<BtmError | undefined> {
  const { timeoutMs } = hooked.hooks;
  const [variable, whose] = "cfg" in hooked ? ["BTM_VOLUME", hooked.cfg.volume] : ["BTM_GROUP", hooked.name];
  const [file = "", ...args] = program;
  const env = [
    `${variable}=${whose}`,
    `BTM_HEIGHT=${String(height)}`,
    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
  ];
  const fail = (what: string, cause?: unknown): BtmError =>
    new BtmError("HOOK_FAILED", `The hook ${name} ${quote(file)} of ${quote(whose)} at ${String(height)} ${what}`, {
      hint: `Run it by hand, with ${variable} and BTM_HEIGHT set`,
      cause,
    });
  try {
    const { status, stderr } = await runCommand(file, args, { timeoutMs, env, endsGroup: true });
    if (status === 0) return undefined;
    const last = stderr.trim().split("\n").at(-1) ?? "";
    const said = last === "" ? "" : `: ${escapeText(last.slice(0, 500))}`;
    return fail(status === null ? "was ended by a signal" : `ended with status ${String(status)}${said}`);
  } catch (error) {
    return fail(`failed: ${escapeText(error instanceof Error ? error.message : String(error))}`, error);
  }
}
