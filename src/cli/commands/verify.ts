import { BtmError } from "../../errors.ts";
import type { VerifyResult } from "../../results.ts";
import { escapeText } from "../../text.ts";
import { type Command, type CommonFlags, makeBtm, noteRecovered, volumeJson } from "../context.ts";
import { parseDuration } from "../duration.ts";
import { verifyJson } from "../json.ts";

/** How a command is started on a copy. */
export interface CommandFlags extends CommonFlags {
  readonly command: readonly string[];
  readonly timeout?: string;
  readonly writable?: readonly string[];
}

export interface VerifyFlags extends CommandFlags {
  readonly snapshotId: string;
  readonly follow?: string;
  readonly chain?: string;
  readonly cookie?: string;
}

export const verify: Command<VerifyFlags> = async (flags, context) => {
  const { output, signal } = context;
  const { snapshotId, follow: url, chain, cookie } = flags;
  if (url === undefined && (chain !== undefined || cookie !== undefined)) {
    throw new BtmError("BAD_USAGE", "Cannot use --chain or --cookie without --follow", {
      hint: "--follow URL says where the node listens; without it the command itself is the check",
    });
  }
  const follow = {
    ...(chain === undefined ? {} : { chain }),
    ...(cookie === undefined ? {} : { cookieFile: cookie }),
  };
  const btm = makeBtm(flags, context);
  // Any negative number means the latest, as of rollback.
  const asked = /^-\d+$/.test(snapshotId) ? undefined : snapshotId;
  const result = await btm.verify(asked, {
    ...commandOptions(flags),
    ...(url === undefined ? {} : { follow: { url, ...follow } }),
    signal,
  });
  noteRecovered(context, result.recovered);
  for (const warning of result.warnings) output.warn(warning);
  const document = verifyJson(volumeJson(btm, context), result);
  const sentence = sentenceOf(escapeText(btm.cfg.volume), result);
  const { outcome, why = "" } = result.verified;
  if (outcome === "exact" || outcome === "passed") {
    output.result(document);
    output.line(sentence);
    return 0;
  }
  if (result.said.length > 0) output.note("The last that the command printed:");
  for (const line of result.said) output.note(`  ${escapeText(line)}`);
  const error = new BtmError("VERIFY_FAILED", `${sentence}: ${escapeText(why)}`, {
    hint:
      outcome === "differs"
        ? "docs/heights.md says how to take snapshots that nodes come back from where they were"
        : "docs/verify.md says what the command may do, and where it is",
  });
  output.failed(error, document);
  return error.exitStatus;
};

export function commandOptions({ command, timeout, writable = [] }: CommandFlags): {
  readonly command: readonly string[];
  readonly timeoutMs?: number;
  readonly writable: readonly string[];
} {
  return {
    command,
    writable,
    ...(timeout === undefined ? {} : { timeoutMs: parseDuration("--timeout", timeout) }),
  };
}

function sentenceOf(volume: string, { height, verified }: VerifyResult): string {
  const { outcome, height: stands = "", hash, seconds } = verified;
  const what = `${String(height)} of ${volume}`;
  switch (outcome) {
    case "exact": {
      const block = hash === undefined ? "" : `, block ${escapeText(hash)}`;
      return `Verified ${what}: the node stands at ${stands}${block}, after ${seconds.toFixed(1)} s`;
    }
    case "passed":
      return `Checked ${what}: the command was content, after ${seconds.toFixed(1)} s; its height was not asked for`;
    case "differs":
      return `The snapshot ${what} is not what its name says`;
    case "failed":
      return `The snapshot ${what} is no good to start from`;
  }
}
