import { execFileSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  closeSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { dirname, join } from "node:path";
import { DatabaseSync } from "node:sqlite";

import { ClassicLevel } from "classic-level";
import { beforeAll, beforeEach, describe, expect, it } from "vitest";

import { carryFiles, filesToCarry, preserveFiles } from "../../src/rollback/preserve.ts";
import { getAttribute, setAttribute } from "../../src/sys/libc.ts";
import { BtrfsImage } from "../support/btrfs-image.ts";
import { failureOf } from "../support/expect-code.ts";
import { attributesOf, manifestOf } from "../support/manifest.ts";

let image: BtrfsImage;
let live: string;
let staged: string;
let round = 0;

beforeAll(async () => {
  image = await BtrfsImage.make();
  return () => image.dispose();
});

/** What is live, and a snapshot of before, made writable, as a rollback does. */
beforeEach(async () => {
  round += 1;
  live = await image.makeSubvolume(`live-${String(round)}`);
  put("chain/blocks", "old");
  staged = join(image.top, `staged-${String(round)}`);
});

function put(path: string, content: string, folder = live): string {
  const file = join(folder, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, content);
  return file;
}

function takeSnapshot(): void {
  execFileSync("btrfs", ["subvolume", "snapshot", live, staged], { stdio: "ignore" });
}

/** All that a copy must have in common with what it is of. */
async function dress(file: string): Promise<void> {
  chownSync(file, 4321, 1234);
  chmodSync(file, 0o4640);
  const fd = openSync(file, "r");
  await setAttribute(fd, "user.kept", "with the file");
  closeSync(fd);
  execFileSync("touch", ["-d", "2021-02-03 04:05:06.123456789", file]);
}

function factsOf(folder: string, path: string): unknown {
  const file = join(folder, path);
  const { mode, uid, gid, mtimeNs, size } = lstatSync(file, { bigint: true });
  const fd = openSync(file, "r");
  const attribute = getAttribute(fd, "user.kept");
  closeSync(fd);
  return { mode, uid, gid, mtimeNs, size, attribute, content: readFileSync(file, "utf8") };
}

const read = (path: string): string => readFileSync(join(staged, path), "utf8");
const has = (path: string): boolean => existsSync(join(staged, path));

describe("what is found", () => {
  it("files, hidden ones, whole folders and links; each once, sorted", async () => {
    put("data/priv_validator_state.json", "{}");
    put(".gaia/data/priv_validator_state.json", "{}");
    put("validator-db/CURRENT", "1");
    put("validator-db/deep/er", "1");
    symlinkSync("nowhere", join(live, "link.json"));
    expect(await filesToCarry(live, ["**/priv_validator_state.json", "validator-db", "*.json", "**/CURRENT"])).toEqual([
      ".gaia/data/priv_validator_state.json",
      "data/priv_validator_state.json",
      "link.json",
      "validator-db",
    ]);
  });

  it("names with line breaks, leading dashes and blanks", async () => {
    const names = ["-rf", "--help", "a\nb", " c ", "$(id)", "`id`", "*", "é", "'\"", "back\\slash"];
    for (const name of names) put(`odd/${name}/${name}`, name);
    takeSnapshot();
    for (const name of names) put(`odd/${name}/${name}`, "now");
    const paths = await filesToCarry(live, ["odd/*/*"]);
    expect(paths).toEqual(names.map((name) => `odd/${name}/${name}`).sort());
    await carryFiles(live, staged, paths);
    for (const name of names) expect(read(`odd/${name}/${name}`)).toBe("now");
  });

  it("neither through links, nor into what is mounted or nested there", async () => {
    put("outside", "secret", image.top);
    symlinkSync(image.top, join(live, "away"));
    symlinkSync("/", join(live, "root"));
    execFileSync("btrfs", ["subvolume", "create", join(live, "nested")], { stdio: "ignore" });
    put("nested/state.json", "{}");
    expect(await filesToCarry(live, ["**/outside", "**/state.json", "**/passwd", "nested"])).toEqual([]);
  });

  it("no sockets, pipes and devices, and no wait for them", async () => {
    execFileSync("mkfifo", [join(live, "pipe")]);
    execFileSync("mknod", [join(live, "device"), "c", "1", "3"]);
    const server = createServer().listen(join(live, "socket"));
    expect(await filesToCarry(live, ["*"])).toEqual(["chain"]);
    server.close();
  });

  it("through a link like /proc/PID/fd/N", async () => {
    put("state.json", "now");
    const fd = openSync(live, "r");
    expect(await filesToCarry(`/proc/${String(process.pid)}/fd/${String(fd)}`, ["*.json"])).toEqual(["state.json"]);
    closeSync(fd);
  });

  it("a tree without a bottom is refused, not followed until something breaks", async () => {
    put(`${"d/".repeat(120)}x`, "deep");
    const error = await failureOf(filesToCarry(live, ["**/x"]), "BLOCKED");
    expect(error.message).toBe('Cannot look through "d/d/d": it is more than 100 folders deep');
  });

  it("stops when asked to", async () => {
    await failureOf(filesToCarry(live, ["**/x"], AbortSignal.abort()), "ABORTED");
  });

  it("does not keep the event loop", async () => {
    mkdirSync(join(live, "many"));
    for (let i = 0; i < 20_000; i++) closeSync(openSync(join(live, "many", `${String(i)}.ldb`), "w"));
    let turns = 0;
    const count = (): void => {
      turns += 1;
      next = setImmediate(count);
    };
    let next = setImmediate(count);
    expect(await filesToCarry(live, ["**/LOCK"])).toEqual([]);
    clearImmediate(next);
    expect(turns).toBeGreaterThan(10);
  });
});

describe("a file that is carried", () => {
  it("is what it is now: bytes, owner, mode, times to the nanosecond, extended attributes", async () => {
    put("data/state.json", "past");
    takeSnapshot();
    await dress(put("data/state.json", "present"));
    await carryFiles(live, staged, ["data/state.json"]);
    expect(factsOf(staged, "data/state.json")).toEqual(factsOf(live, "data/state.json"));
    expect(read("chain/blocks")).toBe("old");
  });

  it("gets the folders that the past does not have, with owner and mode", async () => {
    takeSnapshot();
    put("a/b/c/state.json", "present");
    chownSync(join(live, "a"), 11, 22);
    chmodSync(join(live, "a"), 0o2750);
    chmodSync(join(live, "a/b/c"), 0o700);
    await carryFiles(live, staged, ["a/b/c/state.json"]);
    expect(manifestOf(join(staged, "a"))).toEqual(manifestOf(join(live, "a")));
  });

  it("shares its data with the present one", async () => {
    takeSnapshot();
    const file = put("big", "x".repeat(8 * 1024 * 1024));
    execFileSync("sync", ["-f", file]);
    await carryFiles(live, staged, ["big"]);
    execFileSync("sync", ["-f", file]);
    const told = execFileSync("btrfs", ["filesystem", "du", "--raw", join(staged, "big")], { encoding: "utf8" });
    expect(told.trim().split("\n").at(-1)).toMatch(/^\s*8388608\s+0\s/);
  });

  it("is gone when the present does not have it, and stays so when neither has", async () => {
    put("data/gone.json", "past");
    put("only/in/the/past", "past");
    takeSnapshot();
    rmSync(join(live, "data"), { recursive: true });
    rmSync(join(live, "only"), { recursive: true });
    await carryFiles(live, staged, ["data/gone.json", "only/in/the/past", "never/was"]);
    expect([has("data/gone.json"), has("only/in/the/past"), has("never")]).toEqual([false, false, false]);
    expect(has("data")).toBe(true);
  });

  it("may be a link, which stays a link and is not followed", async () => {
    put("state.json", "past");
    takeSnapshot();
    const outside = put(`kept-${String(round)}`, "outside", image.top);
    rmSync(join(live, "state.json"));
    symlinkSync(outside, join(live, "state.json"));
    await carryFiles(live, staged, ["state.json"]);
    expect(manifestOf(staged)).toEqual(manifestOf(live));
  });

  it("takes the place of whatever the past has there: a folder, a link to elsewhere", async () => {
    put("folder/with/files", "past");
    const outside = put(`kept-${String(round)}`, "outside", image.top);
    symlinkSync(outside, join(live, "link"));
    takeSnapshot();
    rmSync(join(live, "folder"), { recursive: true });
    rmSync(join(live, "link"));
    put("folder", "a file now");
    put("link", "a file now");
    await carryFiles(live, staged, ["folder", "link"]);
    expect([read("folder"), read("link"), readFileSync(outside, "utf8")]).toEqual([
      "a file now",
      "a file now",
      "outside",
    ]);
  });

  it("keeps its hard links among themselves", async () => {
    takeSnapshot();
    put("one", "x");
    linkSync(join(live, "one"), join(live, "two"));
    await carryFiles(live, staged, ["one", "two"]);
    expect(lstatSync(join(staged, "one")).ino).toBe(lstatSync(join(staged, "two")).ino);
  });

  it("is one of a thousand", async () => {
    takeSnapshot();
    const names = Array.from({ length: 1000 }, (_, i) => `keys/${String(i)}.yml`);
    for (const name of names) put(name, name);
    await carryFiles(live, staged, names);
    expect(manifestOf(join(staged, "keys"))).toEqual(manifestOf(join(live, "keys")));
  });
});

describe("a link on the way", () => {
  const cases = [
    ["in the snapshot", "the last folder", "a/b"],
    ["in the snapshot", "the first folder", "a"],
    ["in the present", "the last folder", "a/b"],
    ["in the present", "the first folder", "a"],
  ] as const;
  it.each(cases)("%s, %s, is refused, and nothing is written through it", async (where, _, path) => {
    put("a/b/state.json", "past");
    const outside = await image.makeSubvolume(`outside-${String(round)}`);
    put("b/state.json", "not ours", outside);
    put("state.json", "not ours", outside);
    const before = manifestOf(outside);
    const bend = (tree: string): void => {
      rmSync(join(tree, path), { recursive: true });
      symlinkSync(outside, join(tree, path));
    };
    if (where === "in the snapshot") {
      const kept = join(image.top, `kept-${String(round)}`);
      execFileSync("cp", ["-a", join(live, "a"), kept]);
      bend(live);
      takeSnapshot();
      rmSync(join(live, path));
      execFileSync("cp", ["-a", path === "a" ? kept : join(kept, "b"), join(live, path)]);
    } else {
      takeSnapshot();
      bend(live);
    }
    const error = await failureOf(carryFiles(live, staged, ["a/b/state.json"]), "BLOCKED");
    expect(error.message).toBe(`Cannot carry "${path}" over: ${where} it is no folder, or a link to one`);
    expect(manifestOf(outside)).toEqual(before);
  });
});

describe("SQLite", () => {
  it("a database is carried with what it keeps beside it, and without what only the past keeps there", async () => {
    const past = new DatabaseSync(put("validators/slashing_protection.sqlite", ""));
    past.exec("PRAGMA journal_mode = WAL; CREATE TABLE signed (slot INTEGER); INSERT INTO signed VALUES (1)");
    put("validators/slashing_protection.sqlite-journal", "of a crash in the past");
    takeSnapshot();
    rmSync(join(live, "validators/slashing_protection.sqlite-journal"));
    past.exec("INSERT INTO signed VALUES (2)");
    await carryFiles(live, staged, ["validators/slashing_protection.sqlite"]);
    past.close();
    expect(has("validators/slashing_protection.sqlite-journal")).toBe(false);
    const carried = new DatabaseSync(join(staged, "validators/slashing_protection.sqlite"));
    expect(carried.prepare("SELECT slot FROM signed").all()).toEqual([{ slot: 1 }, { slot: 2 }]);
    carried.close();
  });

  it("is told by its first bytes as well as by its name; beside other files nothing is touched", async () => {
    const file = join(live, "protection");
    const database = new DatabaseSync(file);
    database.exec("CREATE TABLE x (y)");
    database.close();
    put("plain", "text");
    put("protection-wal", "past");
    put("plain-wal", "past");
    takeSnapshot();
    rmSync(join(live, "protection-wal"));
    rmSync(join(live, "plain-wal"));
    await carryFiles(live, staged, ["protection", "plain"]);
    expect([has("protection-wal"), has("plain-wal")]).toEqual([false, true]);
  });

  it("one that is gone takes what it kept beside it along", async () => {
    put("a.sqlite", "past");
    put("a.sqlite-wal", "past");
    takeSnapshot();
    rmSync(join(live, "a.sqlite"));
    rmSync(join(live, "a.sqlite-wal"));
    await carryFiles(live, staged, ["a.sqlite"]);
    expect([has("a.sqlite"), has("a.sqlite-wal")]).toEqual([false, false]);
  });
});

describe("preserveFiles", () => {
  it("a LevelDB opens, with what it holds now", async () => {
    const open = (tree: string): ClassicLevel => new ClassicLevel(join(tree, "validator-db"));
    const sign = async (from: number, to: number): Promise<void> => {
      const database = open(live);
      const slots = Array.from({ length: to - from }, (_, i) => String(from + i));
      await database.batch(slots.map((slot) => ({ type: "put", key: slot, value: "signed".repeat(1000) })));
      await database.compactRange("", "~");
      await database.close();
    };
    await sign(0, 1000);
    takeSnapshot();
    await sign(1000, 2000);
    await preserveFiles(live, staged, ["**/validator-db"]);
    const carried = open(staged);
    expect((await carried.keys().all()).length).toBe(2000);
    await carried.close();
  });

  it("a folder is afterwards exactly what it is now", async () => {
    put("validator-db/000001.ldb", "past");
    put("validator-db/CURRENT", "past");
    takeSnapshot();
    rmSync(join(live, "validator-db/000001.ldb"));
    await dress(put("validator-db/000002.ldb", "present"));
    put("validator-db/CURRENT", "present");
    symlinkSync("CURRENT", join(live, "validator-db/link"));
    expect(await preserveFiles(live, staged, ["validator-db"])).toEqual(["validator-db"]);
    expect(manifestOf(join(staged, "validator-db"))).toEqual(manifestOf(join(live, "validator-db")));
    expect(factsOf(staged, "validator-db/000002.ldb")).toEqual(factsOf(live, "validator-db/000002.ldb"));
  });

  it("what a glob matches in the past only is gone", async () => {
    put("tower-1_9-a.bin", "past");
    put("tower-1_9-b.bin", "past");
    takeSnapshot();
    rmSync(join(live, "tower-1_9-a.bin"));
    put("tower-1_9-b.bin", "present");
    put("tower-1_9-c.bin", "present");
    expect(await preserveFiles(live, staged, ["tower-*.bin"])).toEqual([
      "tower-1_9-a.bin",
      "tower-1_9-b.bin",
      "tower-1_9-c.bin",
    ]);
    expect(manifestOf(staged).filter((line) => line.includes("tower"))).toEqual(
      manifestOf(live).filter((line) => line.includes("tower")),
    );
  });

  it("a full disk is NO_SPACE", async () => {
    const small = await BtrfsImage.make({ sizeMiB: 64, isMixed: true });
    try {
      put("big", "x".repeat(80 * 1024 * 1024));
      mkdirSync(join(small.top, "staged"));
      await failureOf(preserveFiles(live, join(small.top, "staged"), ["big"]), "NO_SPACE");
    } finally {
      await small.dispose();
    }
  });
});

it("attributes of a folder that is carried are kept", async () => {
  takeSnapshot();
  put("db/x", "y");
  const fd = openSync(join(live, "db"), "r");
  await setAttribute(fd, "user.kept", "yes");
  closeSync(fd);
  await carryFiles(live, staged, ["db"]);
  expect(attributesOf(join(staged, "db"), "user.kept")).toEqual({ "user.kept": "yes" });
});
