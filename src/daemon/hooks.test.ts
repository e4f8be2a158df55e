import { appendFile, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeAll, expect, it } from "vitest";

import { parseCfg } from "../cfg.ts";
import type { BtmError } from "../errors.ts";
import { parseHeight } from "../height.ts";
import type { Hooks } from "./config.ts";
import { type Hooked, withAllHooks, withHooks } from "./hooks.ts";

let folder: string;
const failures: BtmError[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "btm-hooks-"));
  return () => rm(folder, { recursive: true });
});

const sh = (script: string): readonly string[] => ["/bin/sh", "-c", script, "hook", "$HOME; `id`"];
const run = (hooks: Partial<Hooks>, take = (): Promise<string> => Promise.resolve("taken")): Promise<string> => {
  failures.length = 0;
  const all: Hooks = { pre: undefined, post: undefined, timeoutMs: 5000, isPreFatal: true, ...hooks };
  const volume = { hooks: all, cfg: parseCfg({ volume: "/data/block chain" }) };
  return withHooks(volume, parseHeight(7), (error) => failures.push(error), take);
};

it("gives a hook its arguments as they are, the volume, the height, and no more", async () => {
  const said = join(folder, "said");
  await run({ pre: sh(`(printf '%s\\n' "$1"; /usr/bin/env | sort) > ${said}`) });
  const lines = (await readFile(said, "utf8")).trim().split("\n");
  expect(lines[0]).toBe("$HOME; `id`");
  // The shell itself sets PWD, and dash OLDPWD or _.
  const names = lines.slice(1).map((line) => line.split("=")[0]);
  expect(names.filter((name) => !["PWD", "OLDPWD", "_", "SHLVL"].includes(name ?? ""))).toEqual([
    "BTM_HEIGHT",
    "BTM_VOLUME",
    "PATH",
  ]);
  expect(lines).toContain("BTM_HEIGHT=7");
  expect(lines).toContain("BTM_VOLUME=/data/block chain");
});

it("takes nothing when pre fails and that is fatal; post runs all the same", async () => {
  const said = join(folder, "post");
  const take = (): Promise<string> => Promise.reject(new Error("It was taken"));
  const hooks = { pre: sh("echo no flush >&2; exit 3"), post: sh(`echo post > ${said}`) };
  await expect(run(hooks, take)).rejects.toMatchObject({
    code: "HOOK_FAILED",
    message: 'The hook pre_snapshot "/bin/sh" of "/data/block chain" at 7 ended with status 3: no flush',
  });
  expect(await readFile(said, "utf8")).toBe("post\n");
});

it("goes on when a failure is not fatal, and tells it", async () => {
  expect(await run({ pre: sh("exit 1"), post: ["/nowhere"], isPreFatal: false })).toBe("taken");
  expect(failures.map(({ message }) => message)).toEqual([
    expect.stringContaining("ended with status 1"),
    expect.stringContaining("ENOENT"),
  ]);
});

it("kills what takes too long, with what that has started", async () => {
  const pids = join(folder, "pids");
  await writeFile(pids, "");
  const script = `trap '' TERM; (trap '' TERM; exec sleep 60) & echo $! >> ${pids}; exec sleep 60`;
  await expect(run({ pre: sh(script), timeoutMs: 300 })).rejects.toMatchObject({
    message: expect.stringContaining("no answer within 0.3 s") as unknown,
  });
  const pid = Number((await readFile(pids, "utf8")).trim());
  expect(pid).toBeGreaterThan(0);
  // A zombie at the most: whoever reaps it is not ours to wait for.
  const state = await readFile(`/proc/${String(pid)}/stat`, "utf8").catch(() => "gone");
  expect(state).toMatch(/^gone|\) Z /);
});

it("runs those of a group around those of its volumes, and ends what it has begun", async () => {
  const said = join(folder, "order");
  const of = (name: string, more: Partial<Hooks> = {}): Hooks => ({
    pre: sh(`echo "pre ${name} $BTM_GROUP$BTM_VOLUME" >> ${said}`),
    post: sh(`echo "post ${name}" >> ${said}`),
    timeoutMs: 5000,
    isPreFatal: true,
    ...more,
  });
  const volume = (name: string, more?: Partial<Hooks>): Hooked => ({
    hooks: of(name, more),
    cfg: parseCfg({ volume: name }),
  });
  const group: Hooked = { name: "node", hooks: of("g") };
  const all = async (...volumes: readonly Hooked[]): Promise<string[]> => {
    await writeFile(said, "");
    const take = (): Promise<void> => appendFile(said, "taken\n");
    await withAllHooks([group, ...volumes], parseHeight(7), () => undefined, take).catch(() => undefined);
    return (await readFile(said, "utf8")).trim().split("\n");
  };
  expect(await all(volume("/a"), volume("/b"))).toEqual([
    ...["pre g node", "pre /a /a", "pre /b /b", "taken", "post /b", "post /a", "post g"],
  ]);
  expect(await all(volume("/a", { pre: sh("exit 1") }), volume("/b"))).toEqual(["pre g node", "post /a", "post g"]);
});
