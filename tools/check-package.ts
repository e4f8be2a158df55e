/**
 * Checks the npm package as its users get it: packed, installed into an empty folder, imported and run under every line
 * of Node it promises to run on (make check-package).
 */
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { promisify } from "node:util";

import * as library from "../src/index.ts";
import { VERSION } from "../src/version.ts";

/** The oldest line of "engines", the newest long-term one, the newest. */
const NODES = ["22.23.3", "24.21.0", "26.10.0"];

const root = join(import.meta.dirname, "..");
const execute = promisify(execFile);

/** Runs a program and returns what it printed; what it printed is also the message of its failure. */
async function run(file: string, args: readonly string[], cwd: string, env?: NodeJS.ProcessEnv): Promise<string> {
  try {
    const { stdout } = await execute(file, args, { cwd, env: { ...process.env, ...env }, maxBuffer: 2 ** 26 });
    return stdout.trim();
  } catch (error) {
    const { stdout = "", stderr = "" } = error as { stdout?: string; stderr?: string };
    throw new Error(`${file} ${args.join(" ")}\n${stdout}${stderr}`.trim(), { cause: error });
  }
}

const counts = { passed: 0, failed: 0 };

async function check(name: string, body: () => Promise<void>): Promise<void> {
  try {
    await body();
    counts.passed++;
    console.log(`ok      ${name}`);
  } catch (error) {
    counts.failed++;
    console.log(
      `FAILED  ${name}\n${error instanceof Error ? error.message : String(error)}`.replaceAll("\n", "\n        "),
    );
  }
}

function expectSame(what: string, got: string, wanted: string): void {
  if (got !== wanted) throw new Error(`${what} is\n${got}\nexpected\n${wanted}`);
}

/** Runs in the consumer's folder: the names of the package, and a way through it down to a system call. */
const CONSUMER_JS = `
import * as btm from "btm";
const error = await new btm.Btm({ volume: "/proc" }).list().catch((error) => error);
console.log(JSON.stringify({ names: Object.keys(btm).sort(), code: error.code }));
`;

/** What a TypeScript user writes; compiled only. */
const CONSUMER_TS = `
import { Btm, type BtmOptions, type Height, isBtmError, parseHeight, type Snapshot } from "btm";
const options: BtmOptions = { volume: "/data", itv: 10n, cap: 100, algo: "fade" };
const btm = new Btm(options);
const height: Height = parseHeight("11");
export const snapshots: Snapshot[] = await btm.list({ signal: AbortSignal.timeout(1000) });
try {
  const { taken }: { taken: boolean } = await btm.snapshot(height);
  console.log(taken);
} catch (error) {
  if (isBtmError(error) && error.code === "NO_SPACE") console.log(error.hint?.toUpperCase());
}
// @ts-expect-error a height is not an object
await btm.snapshot({});
`;

const folder = await mkdtemp(join(tmpdir(), "btm-package-"));
try {
  await run("npm", ["pack", "--silent", "--pack-destination", folder], root);
  const [name = ""] = await readdir(folder);
  const tarball = join(folder, name);
  const tool = (path: string, ...args: readonly string[]): Promise<string> =>
    run(process.execPath, [join(root, "node_modules", path), ...args], root);

  await check("holds the built library, and nothing else", async () => {
    const files = (await run("tar", ["-tzf", tarball], root)).split("\n");
    const wanted =
      /^package\/(dist\/.*(?<!\.test)\.(js|d\.ts)|package\.json|(LICENSE|README\.md|CHANGELOG\.md|SECURITY\.md))$/;
    expectSame("what should not be in it", files.filter((file) => !wanted.test(file)).join("\n"), "");
  });
  await check("publint", async () => {
    await tool("publint/src/cli.js", "run", tarball, "--strict");
  });
  await check("are the types wrong", async () => {
    await tool("@arethetypeswrong/cli/dist/index.js", tarball, "--profile", "esm-only");
  });

  const consumer = join(folder, "consumer");
  await mkdir(consumer);
  await writeFile(join(consumer, "package.json"), JSON.stringify({ private: true, type: "module" }));
  await writeFile(join(consumer, "use.js"), CONSUMER_JS);
  await writeFile(join(consumer, "use.ts"), CONSUMER_TS);
  await check("installs into an empty folder, without install scripts", async () => {
    await run("npm", ["install", "--ignore-scripts", "--prefer-offline", "--no-audit", "--no-fund", tarball], consumer);
  });
  await check("compiles in a strict TypeScript project", async () => {
    const types = join(root, "node_modules/@types");
    const flags = [
      "--noEmit",
      "--strict",
      "--module",
      "nodenext",
      "--target",
      "es2022",
      "--exactOptionalPropertyTypes",
    ];
    const tsc = join(root, "node_modules/typescript/bin/tsc");
    await run(process.execPath, [tsc, ...flags, "--typeRoots", types, "--types", "node", "use.ts"], consumer);
  });

  for (const version of NODES) {
    await check(`Node ${version}: the library, down to a system call`, async () => {
      const node = await run(join(root, "tools/node.sh"), [version], root);
      const wanted = { names: Object.keys(library).sort(), code: "NOT_BTRFS" };
      expectSame("the answer", await run(node, ["use.js"], consumer), JSON.stringify(wanted));
    });
    await check(`Node ${version}: the command line`, async () => {
      const node = await run(join(root, "tools/node.sh"), [version], root);
      const env = { PATH: [dirname(node), process.env["PATH"]].join(delimiter) };
      const printed = await run(join(consumer, "node_modules/.bin/btm"), ["--version"], consumer, env);
      expectSame("btm --version", printed, `btm ${VERSION}`);
    });
  }
} finally {
  await rm(folder, { recursive: true, force: true });
}

console.log(`package: ${String(counts.passed)} passed, ${String(counts.failed)} failed`);
process.exitCode = counts.failed === 0 ? 0 : 1;
