import { BtmError, isBtmError, throwIfAborted } from "../errors.ts";
import { escapeText, quote } from "../text.ts";
import { Folder, isCode, type Kind } from "./folder.ts";

export interface Found {
  /** Relative to the root of the tree. */
  readonly path: string;
  readonly kind: Kind;
}

/** Whether something is found, whether what is in it is looked at, or neither. */
export type Verdict = "take" | "enter" | "pass";

/**
 * Looks through a tree, without following links or leaving its file system; what is taken, sorted by path. A folder that is
 * taken is not entered. What comes and goes meanwhile may be found or not.
 */
export async function walk(
  tree: string,
  judge: (path: string, kind: Kind) => Verdict,
  signal: AbortSignal | undefined,
): Promise<Found[]> {
  const found: Found[] = [];
  const root = await Folder.root(tree);
  try {
    await enter(root, []);
  } finally {
    await root.close();
  }
  return found.sort((a, b) => (a.path < b.path ? -1 : 1));

  async function enter(folder: Folder, parents: readonly string[]): Promise<void> {
    if (parents.length > MAX_DEPTH) {
      const where = quote(parents.slice(0, 3).join("/"));
      throw new BtmError("BLOCKED", `Cannot look through ${where}: it is more than ${MAX_DEPTH} folders deep`, {
        hint: "Look at what made it so, and remove it",
      });
    }
    for await (const { name, kind } of folder.entries()) {
      throwIfAborted(signal);
      if (kind === "other") continue;
      const parts = [...parents, name];
      const path = parts.join("/");
      const verdict = judge(path, kind);
      if (verdict === "pass") continue;
      if (kind !== "folder") {
        if (verdict === "take") found.push({ path, kind });
        continue;
      }
      const inner = await folder.open(name);
      if (inner === "missing" || inner === "no-folder") continue;
      try {
        if (inner.device !== root.device) continue;
        if (verdict === "take") found.push({ path, kind });
        else await enter(inner, parts);
      } finally {
        await inner.close();
      }
    }
  }
}

/** Each level costs open descriptors; no node comes near it. */
const MAX_DEPTH = 100;

/** Runs `work` on files; what the system refuses in it becomes an error for the user. `action` completes "Cannot ...". */
export async function explainedFiles<T>(action: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (isBtmError(error) || !(error instanceof Error)) throw error;
    const why = escapeText(error.message);
    if (isCode(error, "EACCES", "EPERM")) {
      throw new BtmError("PERMISSION_DENIED", `Cannot ${action}: ${why}`, { hint: "Run it as root", cause: error });
    }
    if (isCode(error, "ENOSPC", "EDQUOT")) {
      throw new BtmError("NO_SPACE", `Cannot ${action}: ${why}`, {
        hint: "Remove snapshots with btm clean --kept N, then try again",
        cause: error,
      });
    }
    throw new BtmError("SYSTEM_ERROR", `Cannot ${action}: ${why}`, { cause: error });
  }
}
