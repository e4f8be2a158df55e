import { throwIfAborted } from "../errors.ts";
import { carry } from "./carry.ts";
import { checkGlob, globSet } from "./globs.ts";
import { explainedFiles, walk } from "./walk.ts";

/**
 * Checks globs and brings them to one form ("./data/" is "data").
 *
 * @throws BtmError BAD_OPTION
 */
export function checkGlobs(globs: readonly string[]): string[] {
  return globs.map(checkGlob);
}

/**
 * What of a tree the globs match: relative paths, sorted. A folder that matches is one entry, all of it; a link is a link.
 * Sockets, pipes and devices hold no data and are left out, as are names that are not UTF-8 and what is mounted in the tree.
 *
 * @param tree a path, or a link like /proc/PID/fd/N
 * @param globs as {@link checkGlobs} returns them
 * @throws BtmError BLOCKED, PERMISSION_DENIED, ABORTED
 */
export function filesToCarry(tree: string, globs: readonly string[], signal?: AbortSignal): Promise<string[]> {
  const { matches, mayMatchWithin } = globSet(globs);
  return explainedFiles("look for the files to preserve", async () => {
    const found = await walk(
      tree,
      (path, kind) => {
        if (matches(path)) return "take";
        return kind === "folder" && mayMatchWithin(path) ? "enter" : "pass";
      },
      signal,
    );
    return found.map(({ path }) => path);
  });
}

/**
 * Makes these paths in `staged` what they are in `live`: copied where they are there, gone where they are not; with owner,
 * mode, times to the nanosecond and extended attributes. The sidecars of a SQLite file go with it.
 *
 * @throws BtmError BLOCKED when a link or a file is on the way, or something that is mounted
 */
export function carryFiles(live: string, staged: string, paths: readonly string[]): Promise<void> {
  return explainedFiles("carry files over from the present", () => carry(live, staged, outermost(paths)));
}

/**
 * What `RollbackHelp.carry` does: all that the globs match, in either tree, is in `staged` afterwards as it is in `live`. A file
 * that the present no longer has is no longer there: an old signing guard that comes back does as much harm as an old one
 * that stays.
 *
 * @returns the paths
 */
export async function preserveFiles(
  live: string,
  staged: string,
  globs: readonly string[],
  signal?: AbortSignal,
): Promise<string[]> {
  const [now, then] = [await filesToCarry(live, globs, signal), await filesToCarry(staged, globs, signal)];
  const paths = outermost([...now, ...then]);
  throwIfAborted(signal);
  await carryFiles(live, staged, paths);
  return paths;
}

/** Whether one of the globs matches a path, or a folder that it is in. */
export function isPreserved(path: string, globs: readonly string[]): boolean {
  const { matches } = globSet(globs);
  const parts = path.split("/");
  return parts.some((_, i) => matches(parts.slice(0, i + 1).join("/")));
}

/** Those of the globs that match none of the paths, for a plan to say. */
export function unmatchedGlobs(globs: readonly string[], paths: readonly string[]): string[] {
  return globs.filter((glob) => !paths.some(globSet([glob]).matches));
}

/** Each once, and none that is in a folder which is among them as well. */
export function outermost(paths: readonly string[]): string[] {
  const all = new Set(paths);
  const isInAnother = (path: string): boolean => {
    for (let end = path.lastIndexOf("/"); end > 0; end = path.lastIndexOf("/", end - 1)) {
      if (all.has(path.slice(0, end))) return true;
    }
    return false;
  };
  return [...all].filter((path) => !isInAnother(path)).sort();
}
