import { readFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { beforeAll, expect, it } from "vitest";

import { BtrfsImage } from "../support/btrfs-image.ts";
import { btm } from "../support/executable.ts";
import { run } from "../support/run.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const README = readFileSync(join(ROOT, "README.md"), "utf8");

let image: BtrfsImage;

beforeAll(async () => {
  image = await BtrfsImage.make();
  return () => image.dispose();
});

/** The first block of a language after a heading. */
function block(heading: string, language: string): string {
  const section = README.slice(README.indexOf(`\n## ${heading}\n`));
  const match = new RegExp(`\n\`\`\`${language}\n(.*?)\n\`\`\`\n`, "s").exec(section);
  if (match?.[1] === undefined) throw new Error(`README.md has no ${language} block under ${heading}`);
  return match[1];
}

it("prints what README.md says, when its example is run against the built package", async () => {
  const volume = await image.makeSubvolume("blockchain");
  const folder = await mkdtemp(join(ROOT, "build", "readme-"));
  try {
    const program = join(folder, "example.mts");
    await writeFile(
      program,
      block("Library", "ts")
        .replace('"/data/blockchain"', JSON.stringify(volume))
        .replace('"btm"', JSON.stringify(join(ROOT, "dist/index.js"))),
    );
    expect((await run(process.execPath, [program])).trimEnd()).toBe(block("Library", "text"));
  } finally {
    await rm(folder, { recursive: true });
  }
});

it("shows a rollback as the executable prints it", async () => {
  const volume = await image.makeSubvolume("shown");
  for (const height of ["1233000", "1234000", "1235000"]) await btm(["snapshot", "-p", volume, "-s", height]);
  const shown = README.split("\n").filter((line) => /^Rolled back|^What was live/.test(line));
  const { stdout } = await btm(["rollback", "-p", volume, "-s", "1234500"]);
  expect(stdout.trimEnd().split("\n")).toEqual(shown.map((line) => line.replaceAll("/data/blockchain", volume)));
});

it("names every option of every command", async () => {
  const synopsis = block("Command line", "text");
  const commands = [...synopsis.matchAll(/^btm ([a-z-]+) /gm)].map(([, command = ""]) => command);
  expect(commands.length).toBeGreaterThan(10);
  for (const command of commands.filter((name) => name !== "help")) {
    const line = synopsis.split("\n").find((text) => text.startsWith(`btm ${command} `)) ?? "";
    const { stdout } = await btm(["help", command]);
    const flags = [...stdout.matchAll(/^ {2}(?:-\w, )?--([a-z-]+)/gm)].map((match) => match[1] ?? "");
    const everywhere = ["json", "mode", "lock-timeout", "help", "volume"];
    for (const flag of flags.filter((name) => !everywhere.includes(name))) expect(line, command).toContain(`--${flag}`);
  }
});
