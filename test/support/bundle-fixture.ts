import { existsSync } from "node:fs";
import { symlink } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { fileOf } from "./fixture.ts";
import { run } from "./run.ts";

const BUN = fileURLToPath(new URL("../../.tools/bun", import.meta.url));
const MODULES = fileURLToPath(new URL("../../node_modules", import.meta.url));

/**
 * Puts a fixture and all that it imports into one file of plain JavaScript. To take the types off its 60 modules is most of
 * what its start costs: in a guest of the lab 1.9 s with it, and 0.7 s without.
 */
export async function bundleFixture(name: string, folder: string): Promise<string> {
  const bundle = join(folder, `${name}.mjs`);
  await run(BUN, ["build", "--target=node", "--external=koffi", `--outfile=${bundle}`, fileOf(name)]);
  const modules = join(folder, "node_modules");
  if (!existsSync(modules)) await symlink(MODULES, modules);
  return bundle;
}
