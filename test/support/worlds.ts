import { readdirSync } from "node:fs";
import { basename, join } from "node:path";

import { Btm } from "../../src/index.ts";
import { attributesOf, manifestOf } from "./manifest.ts";
import type { TestVolume } from "./volumes.ts";

/** All that a user can see of a volume, told by contents: two volumes with the same history are alike. */
export interface World {
  readonly live: readonly string[];
  readonly snapshots: readonly string[];
  readonly undoPoints: readonly string[];
  readonly clones: readonly string[];
  /** The names beside the volume and below "<volume>.btm", and the attributes there: nothing may be left over. */
  readonly beside: readonly string[];
}

/** A volume on Btrfs as it is. */
export async function worldOf(volume: TestVolume): Promise<World> {
  // A fresh one: nothing remembered.
  const btm = new Btm({ volume: volume.volume });
  const [list, points, clones] = [await btm.list(), await btm.undoPoints(), await btm.clones()];
  return {
    live: volume.live(),
    snapshots: list.map(
      ({ height, pinned, note, neededBy, mark }) =>
        `${String(height)} ${String(mark !== undefined)} ${String(pinned)} ${note ?? ""} ${neededBy.join()} ${hash(volume.snapshotPath(height))}`,
    ),
    undoPoints: points.map(({ number, from, to, snapshots }) => {
      const own = snapshots.map(({ name, height }) => `${String(height)} ${hash(join(volume.beside, name))}`);
      return `${String(number)} ${String(from)} ${String(to)} ${hash(volume.undoPath(number))} ${own.join()}`;
    }),
    clones: clones.map(({ height, name }) => `${String(height)} ${hash(join(asideOf(volume), name))}`),
    beside: namesBeside(volume),
  };
}

function asideOf(volume: TestVolume): string {
  return join(volume.undoPath(1), "../..");
}

function hash(folder: string): string {
  return manifestOf(folder).slice(1).join("|");
}

function namesBeside(volume: TestVolume): string[] {
  const [beside, aside] = [readdirSync(volume.beside).sort(), asideOf(volume)];
  const isThere = beside.includes(basename(aside));
  // Made with the first pin, its README stays as well.
  const inside = isThere
    ? readdirSync(aside)
        .sort()
        .filter((name) => name !== "README")
    : [];
  const paths = inside.map((name) => [name, join(aside, name)] as const);
  const attributes = [["live", volume.path] as const, ...paths].map(
    ([name, path]) => `${name}: ${Object.keys(attributesOf(path)).sort().join()}`,
  );
  // Made for the first rollback, "<volume>.btm" stays: whether it is there says nothing.
  return [...beside.filter((name) => name !== basename(aside)), ...inside, ...attributes];
}
