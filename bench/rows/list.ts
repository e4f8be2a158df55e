import { withImage } from "../lib/image.ts";
import { interleave, type Way } from "../lib/interleave.ts";
import { measure } from "../lib/measure.ts";
import { listOfOriginal } from "../lib/original.ts";
import { figure, type Row } from "../lib/row.ts";
import { takeSnapshots } from "../lib/snapshots.ts";

const EXISTING = 1000;
const ROUNDS = 60;

export const list: Row = {
  name: "list",
  title: "btm list, against the original's listing",
  run: (tools) =>
    withImage(async (image) => {
      await takeSnapshots(image, 0, EXISTING);
      const command =
        (name: string, ...args: readonly string[]): Way =>
        async () => {
          const { ms, lines } = await measure(tools, name, ...args);
          if (lines < EXISTING) throw new Error(`${name} listed ${String(lines)} of ${String(EXISTING)}`);
          return ms;
        };
      const ours = "ours";
      const ways: Record<string, Way> = {
        [ours]: command(tools.executable, "list", "-p", image.volume),
        "sh -c": command("sh", "-c", listOfOriginal(image.root)),
      };
      for (const [release, executable] of Object.entries(tools.original?.executables ?? {})) {
        ways[`the original ${release}`] = command(executable, "list", "-p", image.volume);
      }
      const samples = await interleave(ROUNDS, ways);
      return Object.keys(ways)
        .filter((name) => name !== ours)
        .map((name) => ({
          what: "btm list, 1,000 existing",
          unit: "ms",
          ours: figure(samples[ours] ?? []),
          baseline: figure(samples[name] ?? []),
          against: name === "sh -c" ? "btrfs subvolume list | grep | sed" : name,
          ...(name === "sh -c" ? { target: { kind: "at-most", value: 1 } as const } : {}),
        }));
    }),
};
