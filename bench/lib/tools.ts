import { existsSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { fileURLToPath } from "node:url";

import { isInstalled, run } from "./run.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const NATIVE = `${ROOT}bench/native`;
const CACHE = `${ROOT}.cache/bench`;

/** What the rows need besides the library. */
export interface Tools {
  /** native/snapshot.c: the ioctl alone. */
  readonly snapshot: string;
  /** native/measure.c: what a command costs. */
  readonly measure: string;
  /** The stand-alone executable. */
  readonly executable: string;
  /** The same program for Node. */
  readonly program: string;
  /** The original; undefined where cargo cannot get it. */
  readonly original: Original | undefined;
}

export interface Original {
  /** native/original: the library. */
  readonly library: string;
  /** Its command line, by release. */
  readonly executables: Readonly<Record<string, string>>;
}

/** Compiles and finds all of it; says on standard error what it does. */
export async function prepareTools(log: (text: string) => void): Promise<Tools> {
  if (process.geteuid?.() !== 0)
    throw new Error("Root is needed: file systems are made and mounted. Try sudo make bench");
  await mustHave("mkfs.btrfs", ["btrfs-progs"], log);
  await mustHave("cc", ["gcc", "libc6-dev"], log);
  await mkdir(CACHE, { recursive: true });
  const executable = `${ROOT}build/btm`;
  if (!existsSync(executable)) throw new Error(`${executable} is missing: run make first`);
  return {
    snapshot: await compile("snapshot"),
    measure: await compile("measure"),
    executable,
    program: await buildForNode(),
    original: await prepareOriginal(log),
  };
}

/** What `make dist/index.js` makes, in a place of its own. @returns the program */
async function buildForNode(): Promise<string> {
  const tsc = `${ROOT}node_modules/typescript/bin/tsc`;
  await run(process.execPath, tsc, "-p", `${ROOT}tsconfig.build.json`, "--outDir", `${CACHE}/dist`);
  return `${CACHE}/dist/cli/main.js`;
}

async function mustHave(command: string, packages: readonly string[], log: (text: string) => void): Promise<void> {
  if (await isInstalled(command)) return;
  log(`Installing ${packages.join(" and ")}: there is no ${command}`);
  await run("apt-get", "install", "--yes", "--no-install-recommends", ...packages);
}

async function compile(name: string): Promise<string> {
  const program = `${CACHE}/${name}`;
  await run("cc", "-O2", "-Wall", "-Wextra", "-D_GNU_SOURCE", "-o", program, `${NATIVE}/${name}.c`);
  return program;
}

/** The releases: the last that works as the design describes the original, and the newest. */
const RELEASES = ["2.0.0", "3.0.1"] as const;

async function prepareOriginal(log: (text: string) => void): Promise<Original | undefined> {
  const folder = `${ROOT}.cache/original`;
  const executables = RELEASES.map((release) => [release, `${folder}/${release}/bin/btm`] as const);
  const library = `${folder}/release/original`;
  if (!(await isInstalled("cargo"))) {
    log("The original is left out: there is no cargo to fetch it");
    return undefined;
  }
  try {
    if (!existsSync(library)) log("Building the original (some minutes, the first time only)");
    await run(
      "cargo",
      "build",
      "--release",
      "--locked",
      "--manifest-path",
      `${NATIVE}/original/Cargo.toml`,
      "--target-dir",
      folder,
    );
    for (const [release, file] of executables) {
      if (existsSync(file)) continue;
      await run("cargo", "install", "btm", "--version", release, "--locked", "--root", `${folder}/${release}`);
    }
  } catch (error) {
    log(
      `The original is left out: ${error instanceof Error ? (error.message.split("\n").at(-1) ?? "") : String(error)}`,
    );
    return undefined;
  }
  return { library, executables: Object.fromEntries(executables) };
}
