import { execFile, spawnSync } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { beforeAll, describe, expect, it } from "vitest";

import type { DaemonProcess } from "../support/daemon-process.ts";
import { DaemonWorld } from "../support/running-daemon.ts";

const run = promisify(execFile);
const DOCUMENT = fileURLToPath(new URL("../../docs/external-mode.md", import.meta.url));

let world: DaemonWorld;
let folder: string;
let document: string;

beforeAll(async () => {
  document = await readFile(DOCUMENT, "utf8");
  world = await DaemonWorld.make();
  folder = await mkdtemp(join(tmpdir(), "btm-examples-"));
  return async () => {
    await rm(folder, { recursive: true });
    await world.dispose();
  };
});

/** The example of the document, for the socket of the test. */
function example(language: string): string {
  const match = new RegExp(`\n### .*\n\n\`\`\`${language}\n(.*?)\n\`\`\`\n`, "s").exec(document);
  if (match?.[1] === undefined) throw new Error(`There is no example in ${language}`);
  expect(match[1]).toContain("/run/btm/btm.sock");
  return match[1].replace("/run/btm/btm.sock", world.socket);
}

interface Language {
  readonly language: string;
  readonly tool: string;
  readonly file: string;
  /** What makes it a program, where that is needed. */
  readonly build?: readonly string[];
  readonly command: readonly string[];
}

const LANGUAGES: readonly Language[] = [
  { language: "sh", tool: "curl", file: "ask.sh", command: ["/bin/sh", "ask.sh"] },
  { language: "python", tool: "python3", file: "ask.py", command: ["python3", "ask.py"] },
  {
    language: "go",
    tool: "go",
    file: "ask.go",
    build: ["go", "build", "-o", "ask-go", "ask.go"],
    command: ["./ask-go"],
  },
  {
    language: "rust",
    tool: "rustc",
    file: "ask.rs",
    build: ["rustc", "--edition", "2021", "-D", "warnings", "-o", "ask-rust", "ask.rs"],
    command: ["./ask-rust"],
  },
];

function isThere(tool: string): boolean {
  const { error } = spawnSync(tool, ["--help"], { stdio: "ignore" });
  return error === undefined;
}

async function start(): Promise<DaemonProcess> {
  const file = join(folder, "btm.toml");
  await writeFile(file, `socket = "${world.socket}"\n[volumes.node]\nvolume = "${world.volume}"\n`);
  return world.startWith(["--config", file]);
}

for (const { language, tool, file, build, command } of LANGUAGES) {
  describe.skipIf(!isThere(tool))(`the example in ${language}`, () => {
    it("takes a snapshot, is told of what is not due, and survives a failure", async () => {
      await world.fresh();
      await writeFile(join(folder, file), example(language));
      const words = async ([program = "", ...args]: readonly string[]): Promise<{ stdout: string; stderr: string }> =>
        run(program, args, { cwd: folder });
      if (build !== undefined) await words(build);
      const ask = (height: string): Promise<{ stdout: string; stderr: string }> => words([...command, height]);
      await using daemon = await start();
      const highest = "18446744073709551615";
      const taken = { volume: "node", taken: true, reason: "due" };
      expect(JSON.parse((await ask("10")).stdout)).toMatchObject({ ...taken, height: "10", last: null });
      expect(JSON.parse((await ask("11")).stdout)).toMatchObject({ taken: false, reason: "not-due", last: "10" });
      expect(JSON.parse((await ask(highest)).stdout)).toMatchObject({ ...taken, height: highest, last: "10" });
      const { body } = await world.curl("/v1/volumes/node/snapshots");
      expect((body["snapshots"] as { height: string }[]).map(({ height }) => height)).toEqual(["10", highest]);
      await daemon.end();
      // Those that are programs go on; curl has its status.
      const failed = language === "sh" ? ask("20").catch((error: unknown) => error as { stderr: string }) : ask("20");
      expect((await failed).stderr).not.toBe("");
    });
  });
}

it("has them all", () => {
  for (const { language } of LANGUAGES) expect(example(language).split("\n").length).toBeGreaterThan(1);
});
