import { quote } from "../text.ts";
import { isSame } from "./compare.ts";
import { globOf } from "./globs.ts";
import { isPreserved } from "./preserve.ts";
import { findSigners } from "./signer-files.ts";
import { explainedFiles } from "./walk.ts";

/** A file, or a folder, by which a validator knows what it has signed. */
export interface SignerFile {
  /** Relative to the volume. */
  readonly path: string;
  /** Whose it is: "CometBFT". */
  readonly what: string;
  /** What to preserve, as --preserve takes it. */
  readonly globs: readonly string[];
  /** "differs" also when only the present has it; "missing-now" when only the past does. */
  readonly state: "same" | "differs" | "missing-now";
}

/**
 * The signer state of the two trees, sorted by path; also what did not change.
 *
 * @throws BtmError PERMISSION_DENIED, BLOCKED, ABORTED
 */
export function signerState(live: string, past: string, signal?: AbortSignal): Promise<SignerFile[]> {
  return explainedFiles("compare the signer state", async () => {
    const now = await findSigners(live, signal);
    const then = await findSigners(past, signal);
    const files: SignerFile[] = [];
    for (const [path, what] of [...new Map([...then, ...now])].sort(([a], [b]) => (a < b ? -1 : 1))) {
      const state = !now.has(path) ? "missing-now" : (await isSame(live, past, path, signal)) ? "same" : "differs";
      files.push({ path, what, globs: [globFor(path, what)], state });
    }
    return files;
  });
}

function globFor(path: string, what: string): string {
  if (path === ".") return "*";
  // One file for each of what may be a thousand keys.
  return what === "Teku" ? globOf(path).replace(/[^/]+$/, "*.yml") : globOf(path);
}

/** Those that a rollback would rewind: neither the same nor preserved. */
export function rewound(files: readonly SignerFile[], globs: readonly string[]): SignerFile[] {
  return files.filter(({ state, path, globs: own }) => {
    return state !== "same" && !isPreserved(path, globs) && !own.every((glob) => globs.includes(glob));
  });
}

/** Why a rollback is refused, in two sentences. */
export function explainDoubleSigning(files: readonly SignerFile[]): string {
  const names = files.slice(0, MOST).map(({ path, what }) => `${quote(path)} (${what})`);
  const more = files.length > MOST ? [`${String(files.length - MOST)} more like them`] : [];
  const all = [...names, ...more].join(", ");
  return (
    `Before it signs, the validator looks into ${all}, and the rollback would make it forget what it has signed since the snapshot. ` +
    "It may then sign another message for a height or slot that it has signed for before: that is double signing, for which a chain takes the stake and shuts the validator out, often for good."
  );
}

/** Named in the message; all are in the details. */
const MOST = 5;
