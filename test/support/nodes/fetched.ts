import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const NODES = fileURLToPath(new URL("../../../.cache/nodes", import.meta.url));

/** A file of a node that tools/fetch-nodes.sh brings. */
export function fetched(
  name: string,
  file: string,
): { readonly path: string; readonly missing: () => string | undefined } {
  const path = join(NODES, name, file);
  return { path, missing: () => (existsSync(path) ? undefined : "make nodes") };
}
