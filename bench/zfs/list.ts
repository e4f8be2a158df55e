import { makeSnapshots } from "../../test/support/many-snapshots.ts";
import type { ZfsPool } from "../../test/support/zfs-pool.ts";
import { Btm } from "../../src/index.ts";
import { interleave, timed, type Way } from "../lib/interleave.ts";
import { measure } from "../lib/measure.ts";
import { listOfOriginalOnZfs } from "../lib/original.ts";
import { figure, type Line } from "../lib/row.ts";
import type { ZfsTools } from "./measure-zfs.ts";

const EXISTING = 4000;
const ROUNDS = 11;
/** What btm asks for: no less can tell marks, pins and an interrupted rollback. */
const TYPES = "filesystem,volume,snapshot";
const COLUMNS = "name,guid,creation,btm:mark,btm:pin,btm:rollback";
const LISTING = ["-Hp", "-d", "1", "-t", TYPES, "-o", COLUMNS];

export async function measureList(tools: ZfsTools, pool: ZfsPool): Promise<Line[]> {
  const { dataset } = await pool.makeDataset("list", "list");
  await makeSnapshots(
    dataset,
    Array.from({ length: EXISTING }, (_, i) => i * 10),
  );
  const command =
    (name: string, ...args: readonly string[]): Way =>
    async () => {
      const { ms, lines } = await measure(tools, name, ...args);
      if (lines < EXISTING) throw new Error(`${name} listed ${String(lines)} of ${String(EXISTING)}`);
      return ms;
    };
  const samples = await interleave(ROUNDS, {
    library: () =>
      timed(async () => {
        const { length } = await new Btm({ volume: dataset }).list();
        if (length !== EXISTING) throw new Error(`list() has ${String(length)} of ${String(EXISTING)}`);
      }),
    executable: command(tools.executable, "list", "-p", dataset),
    zfs: command("zfs", "list", ...LISTING, dataset),
    original: command("sh", "-c", listOfOriginalOnZfs(dataset)),
  });
  return (["library", "executable"] as const).flatMap((name): Line[] => {
    const what = `${name === "library" ? "library list()" : "btm list"}, 4,000 existing`;
    const ours = { what, unit: "ms", ours: figure(samples[name]) } as const;
    return [
      {
        ...ours,
        baseline: figure(samples.zfs),
        against: "the zfs list it needs",
        target: { kind: "at-most", value: 1.2 },
      },
      { ...ours, baseline: figure(samples.original), against: "zfs list \\| grep \\| sed" },
    ];
  });
}
