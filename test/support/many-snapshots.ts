import koffi from "koffi";

import { run } from "./run.ts";

/**
 * Makes snapshots as btm makes them, with valid marks, in the order given, many in a short time: each is a transaction of
 * its own, for no transaction holds two of one dataset, but none has to start a process (10 ms each, not 200).
 */
export async function makeSnapshots(dataset: string, heights: readonly (number | bigint)[]): Promise<void> {
  const [guid = "", origins = ""] = (await run("zfs", ["get", "-Hp", "-o", "value", "guid,btm:origin", dataset])).split(
    "\n",
  );
  // Of a dataset that took the place of another, marks name the first.
  const [first = "", now] = origins.split(" ");
  const origin = now === guid ? first : guid;
  const volume = dataset.split("/").at(-1);
  const zfs = library();
  for (const height of heights.map(String)) {
    const mark = JSON.stringify({ btm: 1, height, volume, origin });
    const name = `${dataset}@${height}`;
    const errno = zfs.snapshot(name, mark);
    if (errno !== 0) throw new Error(`lzc_snapshot of ${name} failed: errno ${String(errno)}`);
  }
}

interface Library {
  snapshot(name: string, mark: string): number;
}

let loaded: Library | undefined;

/** What the zfs command itself calls: libzfs_core.h, libnvpair.h. Loaded when it is needed, where ZFS is. */
function library(): Library {
  loaded ??= load();
  return loaded;
}

const UNIQUE_NAMES = 1;

function load(): Library {
  const lists = koffi.load("libnvpair.so.3");
  const core = koffi.load("libzfs_core.so.3");
  const allocate = lists.func("int nvlist_alloc(_Out_ void **list, unsigned int flags, int kmflag)");
  const release = lists.func("void nvlist_free(void *list)");
  const addName = lists.func("int nvlist_add_boolean(void *list, const char *name)");
  const addText = lists.func("int nvlist_add_string(void *list, const char *name, const char *value)");
  const snapshot = core.func("int lzc_snapshot(void *snapshots, void *properties, _Out_ void **errors)");
  (core.func("int libzfs_core_init()") as () => number)();
  const makeList = (): unknown => {
    const made: unknown[] = [null];
    allocate(made, UNIQUE_NAMES, 0);
    return made[0];
  };
  return {
    snapshot: (name, mark) => {
      const [names, properties, errors] = [makeList(), makeList(), [null]];
      addName(names, name);
      addText(properties, "btm:mark", mark);
      const errno = snapshot(names, properties, errors) as number;
      for (const list of [names, properties, errors[0]]) release(list);
      return errno;
    },
  };
}
