import { Btm } from "../../src/index.ts";
import { Helper } from "../lib/helper.ts";
import { type Image, withImage } from "../lib/image.ts";
import { interleave, timed, type Way } from "../lib/interleave.ts";
import { measure } from "../lib/measure.ts";
import { listOfOriginal } from "../lib/original.ts";
import { figure, type Line, type Row } from "../lib/row.ts";
import { takeSnapshots, writeBlock } from "../lib/snapshots.ts";
import type { Tools } from "../lib/tools.ts";

const ROUNDS = 40;
const WARM_UP = 40;

export const snapshotAgainstOriginal: Row = {
  name: "snapshot-original",
  title: "Library snapshot(), against the original's way",
  run: async (tools) => [...(await compare(tools, 100)), ...(await compare(tools, 1000))],
};

/** A way of taking a snapshot, on a file system of its own: the original counts what it finds anywhere on it. */
interface Contender {
  readonly name: string;
  /** @returns how to take the snapshot of a height, the oldest being destroyed; and what ends it */
  start(
    tools: Tools,
    image: Image,
    existing: number,
  ): { take: (height: number) => Promise<number>; end: () => Promise<void> };
}

const ours: Contender = {
  name: "ours",
  start: (_, { volume }, existing) => {
    const btm = new Btm({ volume, itv: 1, cap: existing });
    return {
      take: (height) =>
        timed(async () => {
          const { taken, pruned } = await btm.snapshot(height);
          if (!taken || pruned.length !== 1) throw new Error("snapshot() did not do what is measured");
        }),
      end: () => Promise.resolve(),
    };
  },
};

/** The commands, one by one as a shell gets them; the time between them is not counted. */
const commands: Contender = {
  name: "sync, sh -c",
  start: (tools, { root, volume }, existing) => {
    const kernel = new Helper(tools.snapshot, root, "data");
    const shell = async (command: string): Promise<number> => (await measure(tools, "sh", "-c", command)).ms;
    return {
      take: async (height) => {
        const sync = await kernel.time("g");
        const list = (await shell(listOfOriginal(root))) + (await shell(listOfOriginal(root)));
        const destroy = await shell(`btrfs subvolume delete ${volume}@${String(height - existing)}`);
        return sync + list + destroy + (await shell(`btrfs subvolume snapshot ${volume} ${volume}@${String(height)}`));
      },
      end: () => kernel.close(),
    };
  },
};

/** The original itself; it thins before it takes, so its cap is one less for the same number of snapshots. */
function library(release: string, program: string): Contender {
  return {
    name: `the original ${release}`,
    start: (_, { volume }, existing) => {
      const original = new Helper(program, release, volume, String(existing - 1));
      return { take: (height) => original.time(String(height)), end: () => original.close() };
    },
  };
}

async function compare(tools: Tools, existing: number): Promise<Line[]> {
  const program = tools.original?.library;
  const others = program === undefined ? [] : [library("2.0.0", program), library("3.0.1", program)];
  const contenders = [ours, commands, ...others];
  const samples = await onImages(contenders, async (images) => {
    const started = contenders.map((contender, i) => {
      const image = images[i];
      if (image === undefined) throw new RangeError("An image for each");
      return { image, name: contender.name, ...contender.start(tools, image, existing) };
    });
    for (const { image } of started) await takeSnapshots(image, 0, existing);
    // The library is warm when a node runs; the others start anew each time anyway.
    for (let round = 0; round < WARM_UP; round++) await started[0]?.take(existing + round);
    const ways: Record<string, Way> = {};
    for (const { image, name, take } of started) {
      ways[name] = async (round) => {
        const kernel = new Helper(tools.snapshot, image.root, "data");
        await kernel.ask("s");
        await kernel.close();
        await writeBlock(image);
        return take(existing + round + (name === ours.name ? WARM_UP : 0));
      };
    }
    const result = await interleave(ROUNDS, ways);
    for (const { end } of started) await end();
    return result;
  });
  return contenders.slice(1).map(({ name }) => ({
    what: `snapshot() in the steady state, ${existing.toLocaleString("en")} existing`,
    unit: "ms",
    ours: figure(samples[ours.name] ?? []),
    baseline: figure(samples[name] ?? []),
    against: name,
    ...(name === commands.name ? { target: { kind: "at-most", value: 0.2 } as const } : {}),
  }));
}

async function onImages<T>(each: readonly unknown[], use: (images: readonly Image[]) => Promise<T>): Promise<T> {
  const images: Image[] = [];
  const more = (): Promise<T> =>
    images.length === each.length
      ? use(images)
      : withImage((image) => {
          images.push(image);
          return more();
        });
  return more();
}
