import type { Blocker, Goal, Volume } from "../driver/driver.ts";
import { BtmError, isBtmError } from "../errors.ts";
import { filesToCarry, outermost, unmatchedGlobs } from "../rollback/preserve.ts";
import { explainDoubleSigning, rewound, signerState, type SignerFile } from "../rollback/signer.ts";
import { quote, shellWord } from "../text.ts";

/** What of the present is to be in the past as well, and what the past would make forgotten. */
export interface Carried {
  /** What the globs match, in the present or the past. */
  readonly preserved: readonly string[];
  /** The signer state that is not the same in both. */
  readonly signer: readonly SignerFile[];
  readonly blockers: readonly Blocker[];
  readonly warnings: readonly string[];
}

export interface CarryWishes {
  /** As checkGlobs returns them. */
  readonly globs: readonly string[];
  /** Those of them that somebody gave: what matches none of the others is nothing to tell. */
  readonly asked: readonly string[];
  readonly allowSignerRewind: boolean;
  readonly dryRun: boolean;
  readonly signal: AbortSignal | undefined;
}

/** Compares the live state with the one that would take its place. A volume without files, as a zvol, has neither. */
export async function lookAtCarried(volume: Volume, goal: Goal, wishes: CarryWishes): Promise<Carried> {
  try {
    return await look(volume, goal, wishes);
  } catch (error) {
    if (!isBtmError(error)) throw error;
    // Who may not look may not roll back either; a plan is a plan all the same.
    if (error.code === "PERMISSION_DENIED" && wishes.dryRun) return { ...NOTHING, warnings: [notSeen(error)] };
    if (error.code === "BLOCKED" && wishes.asked.length === 0) return keyMissing(error, wishes);
    throw error;
  }
}

const NOTHING = { preserved: [], signer: [], blockers: [], warnings: [] };

function notSeen({ message }: BtmError): string {
  return `${message}; so it is not known whether signing state goes back`;
}

/** The encryption key is not loaded. */
function keyMissing(error: BtmError, { allowSignerRewind }: CarryWishes): Carried {
  if (allowSignerRewind) return { ...NOTHING, warnings: [notSeen(error)] };
  const hint = `${error.hint ?? "Load its key"}; or give --allow-signer-rewind`;
  return { ...NOTHING, blockers: [{ kind: "signer-state", message: notSeen(error), hint }] };
}

async function look(volume: Volume, goal: Goal, wishes: CarryWishes): Promise<Carried> {
  const { globs, asked, allowSignerRewind, signal } = wishes;
  const past = goal.kind === "snapshot" ? goal.snapshot : goal.point;
  const seen = await volume.withTree("live", (now) =>
    volume.withTree(past, async (then) => {
      const paths = [...(await filesToCarry(now, globs, signal)), ...(await filesToCarry(then, globs, signal))];
      return { preserved: outermost(paths), signer: await signerState(now, then, signal) };
    }),
  );
  if (seen === undefined) {
    if (asked.length === 0) return { preserved: [], signer: [], blockers: [], warnings: [] };
    throw new BtmError("BLOCKED", `Cannot preserve files of ${quote(volume.name)}: it has none that btm could see`, {
      hint: "Only of a file system that can be mounted can files be carried over",
    });
  }
  const { preserved } = seen;
  const signer = seen.signer.filter(({ state }) => state !== "same");
  const forgotten = rewound(signer, globs);
  const names = forgotten.map(({ path, what }) => `${quote(path)} (${what})`).join(", ");
  return {
    preserved,
    signer,
    blockers: forgotten.length > 0 && !allowSignerRewind ? [signerBlocker(forgotten)] : [],
    warnings: [
      ...unmatchedGlobs(asked, preserved).map(
        (glob) => `nothing matches ${quote(glob)}, so nothing is preserved by it`,
      ),
      ...(forgotten.length > 0 && allowSignerRewind ? [`signer state goes back, as allowed: ${names}`] : []),
    ],
  };
}

function signerBlocker(files: readonly SignerFile[]): Blocker {
  const globs = [...new Set(files.flatMap((file) => file.globs))];
  const preserve = globs.map((glob) => `--preserve ${shellWord(glob)}`).join(" ");
  return {
    kind: "signer-state",
    message: explainDoubleSigning(files).replace(/\.$/, ""),
    hint: `Give ${preserve} to carry it over as it is now, or --allow-signer-rewind when the key signs nowhere any more`,
  };
}
