import { basename } from "node:path";

import { mine, takeSnapshots } from "./chain.ts";
import { makeVolume } from "./image.ts";
import { Litecoind, type Tip } from "./litecoind.ts";
import { run, type Stage } from "./run.ts";
import { agreed, heading, printed, say, typed } from "./say.ts";

const ITV = 50;
const LAST_BLOCK = 520;
/** In the middle, and between two snapshots. */
const WANTED = 333;
/** So many that it passes a height of which the timeline that was left has a snapshot. */
const BLOCKS_OF_THE_OTHER_TIMELINE = 60;

export interface StoryOptions {
  /** The executable. */
  readonly btm: string;
  /** Without it, the snapshots hold what the node happened to have written, and the story has to end badly. */
  readonly flushes: boolean;
}

/** Tells the story on a real node; throws when what the node says is not what btm says. */
export async function tell(bareStage: Stage, options: StoryOptions): Promise<void> {
  heading("A disk for a node");
  const volume = await makeVolume(bareStage, "blockchain");
  const stage: Stage = { ...bareStage, env: { BTM_VOLUME: volume } };
  const btm = async (...args: readonly string[]): Promise<void> => {
    typed(["btm", ...args].join(" "));
    const { stdout, stderr } = await run(stage, options.btm, ...args);
    printed(stdout + stderr);
  };
  say("A Btrfs file system in a file is mounted, with one subvolume for the node's data:");
  typed(`export BTM_VOLUME=${volume}`);

  heading(`A Litecoin node mines ${String(LAST_BLOCK)} blocks, btm takes a snapshot every ${String(ITV)}`);
  let node = await Litecoind.start(stage, volume);
  say("The node is not stopped for it, and goes on mining meanwhile.");
  if (options.flushes) {
    say("Before each snapshot it is asked to write its state to the disk: nodes of the Bitcoin family do so");
    say("only about once an hour by themselves, and a snapshot holds what is on the disk.");
  } else {
    say("It is not asked to write its state to the disk before a snapshot, so this cannot end well.");
  }
  typed(`btm snapshot -s HEIGHT --itv ${String(ITV)}`);
  const [snapshots] = await Promise.all([
    takeSnapshots(stage, node, {
      ...options,
      itv: ITV,
      isEnough: (height) => height >= LAST_BLOCK,
      onTaken: ({ tip, tookMs, chainHeight }) => {
        const name = `${basename(volume)}@${String(tip.height)}`.padEnd(14);
        printed(
          `${name}  taken in ${tookMs.toFixed(0).padStart(3)} ms, the chain is at ${String(chainHeight)} by then`,
        );
      },
    }),
    mine(stage, node, (mined) => mined >= LAST_BLOCK),
  ]);
  await btm("list");

  heading(`Back to block ${String(WANTED)}`);
  const left = await node.flush();
  say(`The node is at ${String(left.height)}. It is stopped, as it must be, and the disk put back:`);
  await node.stop();
  await btm("rollback", "-s", String(WANTED));
  node = await Litecoind.start(stage, volume);
  await expectTip(node, nearestBelow(snapshots, WANTED));

  heading("Another history");
  const before = await node.tip();
  for (let i = 0; i < BLOCKS_OF_THE_OTHER_TIMELINE; i++) await node.mine(1);
  const other = await (options.flushes ? node.flush() : node.tip());
  say(`From ${String(before.height)} the chain grows again, by other blocks than before, to ${String(other.height)}.`);
  say("The heights of the timeline that was left can be taken anew:");
  await btm("snapshot", "-s", String(other.height), "--itv", String(ITV));

  heading("Undone: the first history is live again, with all its snapshots");
  await node.stop();
  await btm("undo");
  node = await Litecoind.start(stage, volume);
  await expectTip(node, left);
  await node.stop();

  heading("And redone: nothing was thrown away on the way");
  await btm("undo");
  node = await Litecoind.start(stage, volume);
  await expectTip(node, other);
  await node.stop();
  await btm("list");
  await btm("undo", "--list");
}

function nearestBelow(tips: readonly Tip[], height: number): Tip {
  const tip = tips.findLast((candidate) => candidate.height <= height);
  if (tip === undefined) throw new Error(`No snapshot was taken at or below ${String(height)}`);
  return tip;
}

/** The node itself is asked, and it has to name the very block that was the newest when the snapshot was taken. */
async function expectTip(node: Litecoind, expected: Tip): Promise<void> {
  const tip = await node.tip();
  const text = ({ height, hash }: Tip): string => `height ${String(height)}, block ${hash}`;
  if (tip.height !== expected.height || tip.hash !== expected.hash) {
    throw new Error(
      `The node does not stand where its disk was put.\n  expected   ${text(expected)}\n  node says  ${text(tip)}`,
    );
  }
  say("The node is started again and asked where it stands:");
  agreed(text(tip));
}
