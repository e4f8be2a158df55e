import { Btm } from "../../src/index.ts";
import { settle, withImage } from "../lib/image.ts";
import { interleave, timed, type Way } from "../lib/interleave.ts";
import { measure } from "../lib/measure.ts";
import { figure, type Row } from "../lib/row.ts";
import { takeSnapshots } from "../lib/snapshots.ts";

const EXISTING = 1000;
const ROUNDS = 9;

export const clean: Row = {
  name: "clean",
  title: "Destroying 1,000 snapshots",
  run: (tools) =>
    withImage(async (image) => {
      let height = 0;
      /** Each begins with 1,000 snapshots, all written out, and with nothing left to free. */
      const fresh =
        (work: (names: readonly string[]) => Promise<number>): Way =>
        async () => {
          const names = Array.from({ length: EXISTING }, (_, i) => `${image.volume}@${String(height + i)}`);
          await takeSnapshots(image, height, EXISTING);
          height += EXISTING;
          await settle(image);
          const ms = await work(names);
          const left = (await new Btm({ volume: image.volume }).list()).length;
          if (left !== 0) throw new Error(`${String(left)} snapshots are left`);
          await settle(image);
          return ms;
        };
      const samples = await interleave(ROUNDS, {
        // A Btm of its own each time: nothing is remembered.
        library: fresh(() => timed(() => new Btm({ volume: image.volume }).clean())),
        executable: fresh(async () => (await measure(tools, tools.executable, "clean", "-y", "-p", image.volume)).ms),
        btrfs: fresh(async (names) => (await measure(tools, "btrfs", "subvolume", "delete", ...names)).ms),
      });
      return (["library", "executable"] as const).map((name) => ({
        what: name === "library" ? "library clean() of 1,000" : "btm clean of 1,000",
        unit: "ms",
        ours: figure(samples[name]),
        baseline: figure(samples.btrfs),
        against: "one btrfs subvolume delete",
        target: { kind: "at-most", value: 1 },
      }));
    }),
};
