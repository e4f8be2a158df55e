import { readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { beforeAll, expect, it } from "vitest";

import { Btm } from "../../src/index.ts";
import { btm } from "../support/executable.ts";
import { run } from "../support/run.ts";
import { ZfsPool } from "../support/zfs-pool.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

let pool: ZfsPool;

beforeAll(async () => {
  pool = await ZfsPool.make();
  return () => pool.dispose();
});

/** The first block of a language after a heading. */
function block(document: string, heading: string, language: string): string {
  const text = readFileSync(join(ROOT, document), "utf8");
  const section = text.slice(text.indexOf(`\n## ${heading}\n`));
  const match = new RegExp(`\n\`\`\`${language}\n(.*?)\n\`\`\`\n`, "s").exec(section);
  if (match?.[1] === undefined) throw new Error(`${document} has no ${language} block under ${heading}`);
  return match[1];
}

it("prints on a dataset what README.md says", async () => {
  const { dataset } = await pool.makeDataset("example", "example");
  const program = join(pool.folder, "example.mts");
  await writeFile(
    program,
    block("README.md", "Library", "ts")
      .replace('"/data/blockchain"', JSON.stringify(dataset))
      .replace('"btm"', JSON.stringify(join(ROOT, "src/index.ts"))),
  );
  expect((await run(process.execPath, [program])).trimEnd()).toBe(block("README.md", "Library", "text"));
});

it("shows a rollback as docs/zfs.md tells it", async () => {
  const { dataset } = await pool.makeDataset("shown", "shown");
  const library = new Btm({ volume: dataset });
  for (const height of [1_233_000, 1_234_000, 1_235_000]) await library.snapshot(height);
  const [, ...shown] = block("docs/zfs.md", "Rolling back", "console").split("\n");
  const [plan, done] = [shown.slice(0, 5), shown.slice(6)];
  const args = ["rollback", "--discard-newer", "-p", dataset, "-s", "1234500"];
  const { stdout: planned } = await btm([...args, "--dry-run"]);
  const { stdout } = await btm(args);
  expect(withoutTimes(planned)).toEqual(withoutTimes(plan.join("\n")));
  expect(stdout.trimEnd()).toBe(done.join("\n").replaceAll("zroot/blockchain", dataset));

  function withoutTimes(text: string): string[] {
    return text.trimEnd().replaceAll("zroot/blockchain", dataset).replace(TIME, "TIME").split("\n");
  }
});

const TIME = /\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC/;
