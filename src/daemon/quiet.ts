import type { Quiesce } from "../node-facts.ts";
import type { Hold } from "../quiesce/hold-session.ts";
import { unitOf, withQuiesce } from "../quiesce/quiesce.ts";
import { withDirectory } from "../sys/directory.ts";
import { AT_FDCWD, syncFileSystem } from "../sys/libc.ts";
import type { ServedVolume } from "./served-volume.ts";

/** A volume, as far as its node is concerned. */
export type QuietVolume = Pick<ServedVolume, "quiesce" | "config" | "resolved" | "folder"> & {
  readonly node: Pick<NonNullable<ServedVolume["node"]>, "flush"> | undefined;
};

/** What was really done to the node of each volume. */
export type Quieted<V> = ReadonlyMap<V, Quiesce>;

export interface QuietOptions {
  /** Whether nodes are asked to write out what they have: one that gives no answer would be waited for in vain. */
  readonly canAsk: boolean;
  /** Told why a node is not as quiet as is configured: the snapshot is taken all the same, and the mark says "none". */
  readonly warn: (error: Error) => void;
  /** {@link withQuiesce} unless given. */
  readonly hold?: typeof withQuiesce;
}

/** A unit that is held, once for all volumes of its node: a second hold would wait for the first to end. */
interface HeldUnit<V> {
  readonly unit: string;
  readonly kind: Hold;
  readonly volumes: readonly [V, ...V[]];
}

/**
 * Runs `take` while the nodes of all volumes are as quiet as is configured. All that wants a node that runs comes first: it
 * is asked to write out, and what it has written goes to the disk, so that it is held for less long. Then their units are
 * held, one within the other.
 */
export async function withAllQuiet<V extends QuietVolume, T>(
  volumes: readonly V[],
  options: QuietOptions,
  take: (done: Quieted<V>) => Promise<T>,
): Promise<T> {
  const done = new Map<V, Quiesce>();
  for (const volume of volumes) done.set(volume, await flush(volume, options));
  const units = unitsOf(volumes);
  for (const volume of units.flatMap((held) => held.volumes)) await writeOut(volume.folder, options);
  return withAllHeld(units, options, take, done);
}

async function withAllHeld<V extends QuietVolume, T>(
  [next, ...rest]: readonly HeldUnit<V>[],
  options: QuietOptions,
  take: (done: Quieted<V>) => Promise<T>,
  done: Quieted<V>,
): Promise<T> {
  if (next === undefined) return take(done);
  const { unit, kind, volumes } = next;
  const { warn, hold = withQuiesce } = options;
  const { result } = await hold({ kind, unit, volume: volumes[0].resolved, warn }, (quiesce) => {
    const held = volumes.map((volume) => [volume, quiesce] as const);
    return withAllHeld(rest, options, take, new Map([...done, ...held]));
  });
  return result;
}

function unitsOf<V extends QuietVolume>(volumes: readonly V[]): HeldUnit<V>[] {
  const units = new Map<string, HeldUnit<V>>();
  for (const volume of volumes) {
    const { quiesce: kind, config } = volume;
    if ((kind !== "freeze" && kind !== "stop") || config.unit === undefined) continue;
    const unit = unitOf(config.unit);
    const before = units.get(unit);
    units.set(unit, {
      unit,
      // One that is stopped stands still as well.
      kind: before?.kind === "stop" ? "stop" : kind,
      volumes: before === undefined ? [volume] : [...before.volumes, volume],
    });
  }
  return [...units.values()];
}

async function flush({ quiesce, node }: QuietVolume, { canAsk, warn }: QuietOptions): Promise<"flush" | "none"> {
  if (quiesce !== "flush" || node === undefined || !canAsk) return "none";
  try {
    await node.flush();
    return "flush";
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    warn(error);
    return "none";
  }
}

/** While the node still runs: what it has written is then out of the way, and it is held for less long. */
async function writeOut(folder: string | undefined, { warn }: QuietOptions): Promise<void> {
  if (folder === undefined) return;
  try {
    await withDirectory(AT_FDCWD, folder, syncFileSystem);
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    warn(error);
  }
}
