import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { Btm, type NodeFacts } from "../../src/index.ts";
import { btm, type Ran } from "./executable.ts";
import { fileOf } from "./fixture.ts";
import type { SmallNodeArgument } from "./fixtures/small-node.ts";

/** Inside the namespaces all ports are free. */
const PORT = 18_545;
export const URL_INSIDE = `http://127.0.0.1:${String(PORT)}`;

/** What is beside a volume but the file that tells what its attributes are. */
export function leftBeside(volume: string): string[] {
  return readdirSync(`${volume}.btm`).filter((name) => name !== "README");
}

/** Writes a height into the live state, as the small node keeps it, and takes a snapshot of it. */
export async function snapshotAt(volume: string, path: string, height: number, node?: NodeFacts): Promise<void> {
  writeFileSync(join(path, "height"), String(height));
  await new Btm({ volume }).snapshot(height, { force: true, prune: false, ...(node === undefined ? {} : { node }) });
}

/** What the small node says of itself at a height. */
export function factsAt(height: number, rest: Partial<NodeFacts> = {}): NodeFacts {
  return {
    family: "evm",
    chain: "eip155:42",
    before: String(height),
    hash: `0xb10c${String(height)}`,
    quiesce: "none",
    ...rest,
  };
}

/** The command that starts the small node on the copy. */
export function smallNode(argument: Partial<SmallNodeArgument> = {}): string[] {
  return [process.execPath, fileOf("small-node"), JSON.stringify({ folder: "{path}", port: PORT, ...argument })];
}

/** Of --json. */
export interface Document {
  readonly ok: boolean;
  readonly error?: { readonly code: string; readonly message: string; readonly hint: string | null };
  readonly result?: {
    readonly height: string;
    readonly verified: {
      readonly outcome: string;
      readonly height: string | null;
      readonly hash: string | null;
      readonly why: string | null;
    };
    readonly warnings: readonly string[];
    readonly recovered: readonly string[];
  };
}

/** Runs btm verify; its document beside what it printed. */
export async function verify(
  volume: string,
  options: readonly string[],
  command: readonly string[],
): Promise<Ran & { readonly document: Document }> {
  const ran = await btm(["verify", "-p", volume, "--json", ...options, "--", ...command], {
    env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin" },
  });
  return { ...ran, document: JSON.parse(ran.stdout) as Document };
}
