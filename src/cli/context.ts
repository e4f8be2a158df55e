import { Btm } from "../btm.ts";
import type { BtmOptions } from "../cfg.ts";
import { BtmError } from "../errors.ts";
import { escapeText, quote } from "../text.ts";
import type { VolumeJson } from "./json.ts";
import type { Output } from "./output.ts";

/** The options that every command has. */
export interface CommonFlags {
  readonly volume?: string;
  readonly mode?: string;
  readonly socket?: string;
  readonly json?: boolean;
  readonly lockTimeout?: string;
}

/** The options of commands that destroy. */
export interface PlanFlags extends CommonFlags {
  readonly dryRun?: boolean;
  readonly yes?: boolean;
}

/** What a command works with. */
export interface Context {
  readonly output: Output;
  readonly signal: AbortSignal;
  /** Of BTM_VOLUME. */
  readonly volumeFromEnv: string | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** What has been said of recovery. */
  readonly told: Set<string>;
  /** What the volume turned out to be, when it was given otherwise: a dataset by its path, a path by a link. */
  resolved: string | undefined;
  /** Whether a person can be asked. */
  readonly isInteractive: boolean;
}

/** The exit status. */
export type Command<Flags extends CommonFlags> = (flags: Flags, context: Context) => Promise<number>;

export function makeBtm(flags: CommonFlags, context: Context, rest: Omit<BtmOptions, "volume"> = {}): Btm {
  const options: BtmOptions = {
    ...rest,
    // An empty BTM_VOLUME is as good as none; an empty --volume is refused.
    volume: flags.volume ?? (context.volumeFromEnv === "" ? undefined : context.volumeFromEnv) ?? "",
    ...(flags.mode === undefined ? {} : { mode: flags.mode }),
    ...(flags.socket === undefined ? {} : { socket: flags.socket }),
    ...(flags.lockTimeout === undefined ? {} : { lockTimeoutMs: parseLockTimeout(flags.lockTimeout) }),
  };
  return new Btm(options, {
    onResolved: (resolved) => {
      if (context.resolved === undefined)
        context.output.note(`${escapeText(options.volume)} is ${escapeText(resolved)}`);
      context.resolved = resolved;
    },
  });
}

/** The volume as it was given and as it was found. */
export function volumeJson(btm: Btm, context: Context): VolumeJson {
  return { volume: btm.cfg.volume, resolved: context.resolved ?? btm.cfg.volume };
}

function parseLockTimeout(seconds: string): number {
  if (/^\d{1,6}(\.\d{1,3})?$/.test(seconds)) return Math.round(Number(seconds) * 1000);
  throw new BtmError("BAD_OPTION", `Cannot use --lock-timeout ${quote(seconds)}: expected seconds, 0 to 999999`);
}

/** Shows the plan and asks, when a person is there to ask and has not said --yes; without one the command goes ahead. */
export function confirmWith<Plan>(
  flags: PlanFlags,
  context: Context,
  show: (plan: Plan, write: (line: string) => void) => void,
  question: string,
): { confirm?: (plan: Plan) => Promise<boolean> } {
  if (flags.yes === true || flags.json === true || !context.isInteractive) return {};
  return {
    confirm: (plan) => {
      // Where the question is: the answer of the command may go elsewhere (btm clean | tee log).
      show(plan, (line) => {
        context.output.note(line);
      });
      return context.output.agrees(question, context.signal);
    },
  };
}

/** Says what was finished or undone of an interrupted command, once. */
export function noteRecovered({ output, told }: Pick<Context, "output" | "told">, recovered: readonly string[]): void {
  for (const text of recovered) {
    if (!told.has(text)) output.note(text);
    told.add(text);
  }
}
