import picomatch from "picomatch";

import { BtmError } from "../errors.ts";
import { show } from "../height.ts";

/**
 * Checks a glob and brings it to one form ("./data/" is "data").
 *
 * @throws BtmError BAD_OPTION
 */
export function checkGlob(given: unknown): string {
  const glob = typeof given === "string" ? given.replace(/^(\.\/+)+/, "").replace(/\/+$/, "") : "";
  const wrong = whatIsWrong(given, glob);
  if (wrong === undefined) return glob.replace(/\/{2,}/g, "/");
  throw new BtmError("BAD_OPTION", `Cannot preserve ${show(given)}: ${wrong}`, {
    hint: "Give a path within the volume, such as data/priv_validator_state.json; *, **, ? and {a,b} are understood",
  });
}

function whatIsWrong(given: unknown, glob: string): string | undefined {
  if (typeof given !== "string") return "expected a text";
  if (given.includes("\0")) return "there is a NUL in it";
  if (given.startsWith("/")) return "it must be relative to the volume";
  if (glob === "" || glob === ".") return "that is all of the volume, or nothing";
  if (glob.split("/").includes("..")) return "it must not lead out of the volume";
  if (glob.length > MAX_LENGTH) return `it is longer than ${String(MAX_LENGTH)} characters`;
  return undefined;
}

/** PATH_MAX of Linux. */
const MAX_LENGTH = 4096;

/**
 * A glob that matches a path, and no other as long as its names are of letters, digits and the like. Anything else is
 * matched by a question mark: how picomatch reads some of it, escaped or not, depends on what stands beside it.
 */
export function globOf(path: string): string {
  return path.replace(/[^\p{L}\p{N}_./,:=%~#-]/gu, (sign) => "?".repeat(sign.length));
}

export interface GlobSet {
  /** Whether one of them matches the path. */
  readonly matches: (path: string) => boolean;
  /** Whether one of them may match something in the folder. */
  readonly mayMatchWithin: (folder: string) => boolean;
}

/** @param globs as {@link checkGlob} returns them */
export function globSet(globs: readonly string[]): GlobSet {
  const compiled = globs.map((glob) => ({ matches: compile(glob), parts: partsOf(glob) }));
  return {
    matches: (path) => compiled.some(({ matches }) => matches(path)),
    mayMatchWithin: (folder) => compiled.some(({ parts }) => leadsInto(parts, folder.split("/"))),
  };
}

/** As a shell with globstar and dotglob has it: ~/.gaia is a folder like any other. */
function compile(glob: string): (path: string) => boolean {
  // A bar is one of its regular expression to picomatch, and it takes quotes away; here both are letters.
  const literal = glob.replace(/\\.|[|"]/gs, (part) => (part.length === 1 ? `\\${part}` : part));
  const matches = picomatch(literal, { dot: true, nonegate: true, noextglob: true, flags: "s" });
  return (path) => path === glob || matches(path);
}

type Part = ((name: string) => boolean) | "any";

/** One for each level of folders, up to the first from which on anything may match. */
function partsOf(glob: string): Part[] {
  // A level within braces or brackets: too hard to tell, so everything is looked at.
  if (/[{[(][^/]*\/|\\\//.test(glob)) return ["any"];
  const parts = glob.split("/");
  const end = parts.findIndex((part) => part.includes("**"));
  const level = (end === -1 ? parts : parts.slice(0, end)).map(compile);
  return end === -1 ? level : [...level, "any"];
}

function leadsInto(parts: readonly Part[], folder: readonly string[]): boolean {
  for (const [i, name] of folder.entries()) {
    const part = parts[i];
    if (part === "any") return true;
    if (part === undefined || !part(name)) return false;
  }
  return parts.length > folder.length;
}
