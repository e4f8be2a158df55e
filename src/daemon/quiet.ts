import { withQuiesce } from "../quiesce/quiesce.ts";
import type { Quiesce } from "../node-facts.ts";
import { withDirectory } from "../sys/directory.ts";
import { AT_FDCWD, syncFileSystem } from "../sys/libc.ts";
import type { ServedVolume } from "./served-volume.ts";

/** What was really done to the node of each volume. */
export type Quieted = ReadonlyMap<ServedVolume, Quiesce>;

/**
 * Runs `take` while the nodes of all volumes are as quiet as is configured, one held within the other. A node that cannot
 * be made so does not keep the snapshot from being taken: `warn` is told, and the mark says "none".
 */
export function withAllQuiet<T>(
  [next, ...rest]: readonly ServedVolume[],
  warn: (error: Error) => void,
  take: (done: Quieted) => Promise<T>,
  done: Quieted = new Map(),
): Promise<T> {
  if (next === undefined) return take(done);
  return withQuiet(next, warn, (quiesce) => withAllQuiet(rest, warn, take, new Map([...done, [next, quiesce]])));
}

async function withQuiet<T>(
  volume: ServedVolume,
  warn: (error: Error) => void,
  take: (quiesce: Quiesce) => Promise<T>,
): Promise<T> {
  const { quiesce, node, config, resolved } = volume;
  const { unit } = config;
  if (quiesce === "flush" && node !== undefined) {
    try {
      await node.flush();
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      warn(error);
      return take("none");
    }
    return take("flush");
  }
  if ((quiesce !== "freeze" && quiesce !== "stop") || unit === undefined) return take("none");
  const { result } = await withQuiesce(
    { kind: quiesce, unit, volume: resolved, warn, before: () => writeOut(volume.folder) },
    take,
  );
  return result;
}

/** While the node still runs: what it has written is then out of the way, and it is held for less long. */
async function writeOut(folder: string | undefined): Promise<void> {
  if (folder === undefined) return;
  await withDirectory(AT_FDCWD, folder, syncFileSystem);
}
