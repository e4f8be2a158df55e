import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

import { BtmError } from "../errors.ts";
import { quote } from "../text.ts";

/** The hidden command of the helper. */
export const INSIDE = "check-inside";

/** How the command line of this very btm is started: the stand-alone executable, or Node with its file. */
export function ownCommand(): { readonly file: string; readonly args: readonly string[] } {
  const here = import.meta.url;
  // Where bun shows what it has embedded in an executable.
  if (here.includes("/$bunfs/")) return { file: process.execPath, args: [] };
  const main = fileURLToPath(new URL(`../cli/main${here.slice(here.lastIndexOf("."))}`, here));
  if (existsSync(main)) return { file: process.execPath, args: ["--disable-warning=ExperimentalWarning", main] };
  throw new BtmError("SYSTEM_ERROR", `Cannot start the helper of a check: there is no ${quote(main)}`, {
    hint: "Leave the package btm out of a bundle",
  });
}
