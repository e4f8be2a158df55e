import { createHash, randomBytes } from "node:crypto";
import { closeSync, fsyncSync, mkdirSync, openSync, readdirSync, readFileSync, rmSync, writeSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { beforeAll, expect, it } from "vitest";

import { Btm } from "../../src/index.ts";
import { BtrfsImage } from "../support/btrfs-image.ts";
import { DaemonProcess } from "../support/daemon-process.ts";
import { btm } from "../support/executable.ts";
import { KeepAliveClient } from "../support/keep-alive-client.ts";

const MiB = 1024 * 1024;
const SIZE_MIB = 1024;
/** In each block this much is appended, for good, and as much of the index written anew. */
const BLOCK = 4 * MiB;
/** That would fill it. */
const BLOCKS = (SIZE_MIB * MiB) / BLOCK;
const INDEX_SLICES = 8;
const MIN_KEEP = 2;
/** Of one block, as a node's: the floor lasts for seconds, not for milliseconds. */
const BLOCK_MS = 100;

let image: BtrfsImage;
let volume: string;
let socket: string;
let config: string;

beforeAll(async () => {
  image = await BtrfsImage.make({ sizeMiB: SIZE_MIB, isMixed: true });
  volume = await image.makeSubvolume("node");
  socket = join(image.folder, "btm.sock");
  config = join(image.folder, "btm.toml");
  const keys = `itv = 1\ncap = 1000\nmin_free = "10%"\nmin_keep = ${String(MIN_KEEP)}`;
  await writeFile(config, `socket = "${socket}"\n[volumes.node]\nvolume = "${volume}"\n${keys}\n`);
  return () => image.dispose();
});

/** What a node keeps: blocks that stay, and an index that is written over and over. */
class Writer {
  height = 0;
  readonly #digests = new Map<string, string>();

  /** @throws ENOSPC */
  write(): void {
    mkdirSync(join(volume, "blocks"), { recursive: true });
    const slice = `index-${String(this.height % INDEX_SLICES)}`;
    for (const name of [`blocks/${String(this.height)}`, slice]) this.#put(name);
    this.height++;
  }

  #put(name: string): void {
    const content = randomBytes(BLOCK);
    const fd = openSync(join(volume, name), "w");
    try {
      for (let done = 0; done < BLOCK;) done += writeSync(fd, content, done);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    this.#digests.set(name, createHash("sha256").update(content).digest("hex"));
  }

  /** Half of the blocks go: the node was told to prune. */
  free(): void {
    for (let height = 0; height < this.height / 2; height++)
      rmSync(join(volume, `blocks/${String(height)}`), { force: true });
  }

  /** What a snapshot that is taken now must hold. */
  contents(): ReadonlyMap<string, string> {
    return new Map(this.#digests);
  }
}

function isIntact(snapshot: string, contents: ReadonlyMap<string, string>): boolean {
  return [...contents].every(
    ([name, digest]) =>
      createHash("sha256")
        .update(readFileSync(join(snapshot, name)))
        .digest("hex") === digest,
  );
}

const snapshots = (): string[] => readdirSync(image.top).filter((name) => name.startsWith("node@"));

/** Blocks of before, which only an undo point holds. */
async function makeUndoPoint(): Promise<void> {
  await btm(["snapshot", "-p", volume, "-s", "0"]);
  const writer = new Writer();
  for (let i = 0; i < 20; i++) writer.write();
  expect(await btm(["rollback", "-p", volume, "-y", "-s", "0"])).toMatchObject({ status: 0 });
  expect(await btm(["clean", "-p", volume, "-y"])).toMatchObject({ status: 0 });
}

it("lets a node write to the end of the disk, and begins again when there is space", { timeout: 900_000 }, async () => {
  await makeUndoPoint();
  const library = new Btm({ volume });
  expect(await library.undoPoints()).toHaveLength(1);
  const writer = new Writer();
  // More than half of it goes by itself.
  while (writer.height < BLOCKS / 2) writer.write();
  await using daemon = await DaemonProcess.start(["--config", config]);
  const client = new KeepAliveClient(socket, "node");
  const contents = new Map<string, ReadonlyMap<string, string>>();
  try {
    for (;;) {
      const { height } = writer;
      writer.write();
      const at = writer.contents();
      const { status, body } = await client.take(height);
      if (status === 200 && body["taken"] === true) contents.set(`node@${String(height)}`, at);
      await setTimeout(BLOCK_MS);
    }
  } catch (error) {
    expect(error).toMatchObject({ code: "ENOSPC" });
  }
  // What is not live is gone, but for what must be kept.
  expect(await library.undoPoints()).toEqual([]);
  await expect.poll(snapshots, { timeout: 60_000 }).toHaveLength(MIN_KEEP);
  // Short of space it is not ill: it is not started anew all the time.
  expect(daemon.log.split("serving ")).toHaveLength(2);
  expect(daemon.log.indexOf("removed")).toBeLessThan(daemon.log.indexOf("dropping undo point"));
  for (const name of snapshots()) expect(isIntact(join(image.top, name), contents.get(name) ?? new Map())).toBe(true);

  expect(await client.get("/v1/health")).toMatchObject({ status: 503, body: { ok: false } });
  expect(await client.get("/v1/status")).toMatchObject({ body: { volumes: [{ paused: true }] } });
  expect((await client.get("/metrics")).body["text"]).toContain('btm_paused{volume="node"} 1');
  expect(await client.take(writer.height)).toMatchObject({ status: 507, body: { code: "NO_SPACE" } });

  writer.free();
  // What is freed is still in the snapshots that are kept.
  await btm(["clean", "-p", volume, "-y", "-k", "0"]);
  const healthy = { status: 200, body: { ok: true } };
  await expect.poll(() => client.get("/v1/health"), { timeout: 60_000 }).toMatchObject(healthy);
  await daemon.says("there is enough space again");
  expect(await client.take(writer.height)).toMatchObject({ status: 200, body: { taken: true } });
  client.close();
});
