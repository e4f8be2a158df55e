import { Btm } from "../../src/index.ts";
import { Helper } from "../lib/helper.ts";
import { type Image, withImage } from "../lib/image.ts";
import { interleave, timed } from "../lib/interleave.ts";
import { figure, type Line, type Row } from "../lib/row.ts";
import { takeSnapshots, writeBlock } from "../lib/snapshots.ts";
import type { Tools } from "../lib/tools.ts";

const EXISTING = 100;
const ROUNDS = 300;
/** A node calls snapshot() for weeks: what is measured is the code that V8 has compiled. */
const WARM_UP = 300;

export const snapshotAgainstIoctl: Row = {
  name: "snapshot-ioctl",
  title: "Library snapshot(), against the ioctl alone",
  run: async (tools) => [
    await withImage((image) => grow(tools, image)),
    await withImage((image) => steady(tools, image)),
  ],
};

/** One more snapshot, nothing thinned; what is made is destroyed again, outside of the timing. */
async function grow(tools: Tools, image: Image): Promise<Line> {
  const btm = new Btm({ volume: image.volume, itv: 1, cap: EXISTING + 1 });
  await takeSnapshots(image, 0, EXISTING);
  const kernel = new Helper(tools.snapshot, image.root, "data");
  let height = EXISTING;
  const samples = await interleave(WARM_UP + ROUNDS, {
    ours: async () => {
      await prepare(kernel, image);
      const ms = await timed(async () => {
        mustBe(await btm.snapshot(++height), 0);
      });
      await kernel.ask(`d data@${String(height)}`);
      return ms;
    },
    ioctl: async () => {
      await prepare(kernel, image);
      const ms = await kernel.time("c floor");
      await kernel.ask("d floor");
      return ms;
    },
  });
  await kernel.close();
  return line("snapshot() due, 100 existing", samples);
}

/** As many as cap: each call takes one and thins out one, and the C program makes one and destroys one. */
async function steady(tools: Tools, image: Image): Promise<Line> {
  const btm = new Btm({ volume: image.volume, itv: 1, cap: EXISTING });
  await takeSnapshots(image, 0, EXISTING);
  const kernel = new Helper(tools.snapshot, image.root, "data");
  await kernel.ask("c floor0");
  let height = EXISTING;
  const samples = await interleave(WARM_UP + ROUNDS, {
    ours: async () => {
      await prepare(kernel, image);
      return timed(async () => {
        mustBe(await btm.snapshot(height++), 1);
      });
    },
    ioctl: async (round) => {
      await prepare(kernel, image);
      return kernel.time(`x floor${String(round + 1)} floor${String(round)}`);
    },
  });
  await kernel.close();
  return line("the same in the steady state, one thinned out", samples);
}

/** Both begin with a file system that is written out, and with one new file in the volume. */
async function prepare(kernel: Helper, image: Image): Promise<void> {
  await kernel.ask("s");
  await writeBlock(image);
}

function mustBe({ taken, pruned }: { taken: boolean; pruned: readonly bigint[] }, destroyed: number): void {
  if (!taken || pruned.length !== destroyed) throw new Error("snapshot() did not do what is measured");
}

function line(what: string, samples: { ours: number[]; ioctl: number[] }): Line {
  return {
    what,
    unit: "ms",
    ours: figure(samples.ours.slice(WARM_UP)),
    baseline: figure(samples.ioctl.slice(WARM_UP)),
    against: "the ioctl from C",
    target: { kind: "at-most", value: 1.3 },
  };
}
