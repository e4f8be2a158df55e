/** What a guest of the lab is started with. */
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const XSTATE = fileURLToPath(new URL("lab/xstate.sh", import.meta.url));

/** This process's environment, and what User-Mode Linux needs on this processor. */
export async function guestEnvironment(): Promise<NodeJS.ProcessEnv> {
  const library = (await promisify(execFile)(XSTATE)).stdout.trim();
  return library === "" ? process.env : { ...process.env, LD_PRELOAD: library };
}
