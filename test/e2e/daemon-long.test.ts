import { readdirSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, expect, it } from "vitest";

import { due } from "../../src/height.ts";
import { BtrfsImage } from "../support/btrfs-image.ts";
import { DaemonProcess } from "../support/daemon-process.ts";
import { KeepAliveClient } from "../support/keep-alive-client.ts";

/** A day of a chain of one block a second; every tenth of it by default. */
const isLong = process.env["BTM_TEST_LONG"] !== undefined;
const HEIGHTS = isLong ? 86_400 : 8640;
const ITV = 100;
const CAP = 50;

let image: BtrfsImage;
let volume: string;
let socket: string;

beforeAll(async () => {
  image = await BtrfsImage.make();
  volume = await image.makeSubvolume("node");
  socket = join(image.folder, "btm.sock");
  return () => image.dispose();
});

const start = (): Promise<DaemonProcess> =>
  DaemonProcess.start([`-p=${volume}`, `-i=${String(ITV)}`, `-c=${String(CAP)}`, "-a=fade", "--socket", socket]);

/** The chain, what it knows to be there, and one connection. */
class Chain {
  height = 0;
  taken = 0;
  known = new Set<number>();
  readonly #client = new KeepAliveClient(socket, "node");

  /** Asks for the next height, and holds the answer against what must be. */
  async next(): Promise<void> {
    const { height } = this;
    const { body, status } = await this.#client.take(height);
    // Only now: what failed is asked by nobody again.
    this.height++;
    const isDue = due(BigInt(height), this.last, BigInt(ITV));
    expect([status, body["taken"], height]).toEqual([200, isDue, height]);
    if (!isDue) return;
    this.taken++;
    this.known.add(height);
    for (const gone of body["pruned"] as string[]) this.known.delete(Number(gone));
    expect(onDisk()).toBeLessThanOrEqual(CAP + 1);
  }

  async until(height: number): Promise<void> {
    while (this.height < height) await this.next();
  }

  /** The daemon is killed right when it is asked: maybe before it is taken, maybe after. */
  async killAtDue(daemon: DaemonProcess): Promise<void> {
    while (!due(BigInt(this.height), this.last, BigInt(ITV))) await this.next();
    const cutOff = this.#client.take(this.height).catch(() => undefined);
    await daemon.end("SIGKILL");
    await cutOff;
    const asked = this.height;
    // While it is down the chain goes on, and nobody answers.
    this.height += ITV + 37;
    await expect(this.#client.take(this.height)).rejects.toThrow(/ECONNREFUSED|ENOENT|ECONNRESET|hang up|EPIPE/);
    expect(onDisk()).toBeLessThanOrEqual(CAP + 1);
    this.#cutOff = asked;
  }

  #cutOff: number | undefined;

  /** What is there must be what it knows, but for the one that was under way: its taking, and what was to go for it. */
  async check(): Promise<void> {
    const found = await this.#client.heights();
    const lost = [...this.known].filter((height) => !found.includes(height));
    const more = found.filter((height) => !this.known.has(height));
    const isCutOff = this.#cutOff !== undefined;
    for (const height of more) expect(height).toBe(this.#cutOff);
    expect(lost.length).toBeLessThanOrEqual(isCutOff ? 1 : 0);
    expect(found.length).toBeLessThanOrEqual(isCutOff ? CAP + 1 : CAP);
    this.#cutOff = undefined;
    this.known = new Set(found);
  }

  get last(): bigint | undefined {
    return this.known.size === 0 ? undefined : BigInt(Math.max(...this.known));
  }

  [Symbol.dispose](): void {
    this.#client.close();
  }
}

function onDisk(): number {
  return readdirSync(image.top).filter((name) => name.startsWith("node@")).length;
}

it(
  "misses no due height of a day but while it is down, never keeps too many, and does not grow",
  { timeout: 1_800_000 },
  async () => {
    using chain = new Chain();
    const part = HEIGHTS / 16;
    let daemon = await start();
    for (let kill = 1; kill <= 4; kill++) {
      await chain.until(kill * part);
      await chain.check();
      await chain.killAtDue(daemon);
      daemon = await start();
      await chain.check();
    }
    await chain.until(5 * part);
    expect(await daemon.end("SIGTERM")).toBe(0);
    daemon = await start();
    await chain.check();

    await using last = daemon;
    const peaks: number[] = [];
    const descriptors: number[] = [];
    const from = chain.height;
    for (let quarter = 1; quarter <= 4; quarter++) {
      let most = 0;
      for (let step = 1; step <= 10; step++) {
        await chain.until(Math.round(from + ((HEIGHTS - from) * (quarter - 1 + step / 10)) / 4));
        most = Math.max(most, last.descriptors);
      }
      descriptors.push(most);
      peaks.push(last.peakBytes());
    }
    await chain.check();
    if (isLong) console.log(`Peaks of the quarters: ${peaks.map((peak) => (peak / 1e6).toFixed(1)).join(", ")} MB`);
    expect(descriptors[3]).toBeLessThanOrEqual(descriptors[1] ?? 0);
    // In the short run the heap is still on its way to its size.
    if (isLong) expect(peaks[3]).toBeLessThanOrEqual((peaks[1] ?? 0) * 1.1);
    // One for each interval, but for those in which it was down or began anew.
    expect(chain.taken).toBeGreaterThanOrEqual(HEIGHTS / ITV - 8);
  },
);
