import { execFileSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";

import { run } from "../support/run.ts";
import type { Disk } from "./disk.ts";
import { FILES, type Look, type Timeline } from "./events.ts";
import { fill } from "./files.ts";
import { type Content, contentOf } from "./log.ts";

const POOL = "btm-cut";
const DATASET = `${POOL}/data`;

interface Found {
  readonly dataset: string;
  readonly height: number;
  readonly mark: string;
  readonly createdIn: number;
}

/** A pool with one volume, in which btm keeps what it moved aside. */
export class ZfsDisk implements Disk {
  readonly path: string;
  readonly names: readonly string[];
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
    this.path = join(folder, FILES.volume);
    this.names = [DATASET, this.path];
  }

  async make(): Promise<void> {
    const image = join(this.#folder, FILES.image);
    await run("truncate", ["-s", "256M", image]);
    await run("zpool", ["create", "-o", "cachefile=none", "-O", "mountpoint=none", POOL, image]);
    await run("zfs", ["create", "-o", `mountpoint=${this.path}`, DATASET]);
    fill(this.path);
  }

  /** An import mounts what `zfs mount -a` does: what may be mounted by itself. */
  async find(): Promise<string[]> {
    await run("zpool", ["import", "-f", "-o", "cachefile=none", "-d", this.#folder, POOL]);
    await run("zpool", ["scrub", "-w", POOL]);
    const status = await run("zpool", ["status", POOL]);
    const isGood = /state: ONLINE\n[^]*with 0 errors[^]*errors: No known data errors/.test(status);
    return isGood ? [] : [status];
  }

  async live(): Promise<Content | undefined> {
    const mounted = await run("zfs", ["list", "-Hp", "-r", "-t", "filesystem", "-o", "name,mounted,mountpoint", POOL]);
    const isThere = mounted.split("\n").some((row) => row.endsWith(`\tyes\t${this.path}`));
    return isThere ? contentOf(this.path) : undefined;
  }

  contentAt(height: number): Content {
    return contentOf(join(this.path, ".zfs/snapshot", String(height)));
  }

  async look(): Promise<Look> {
    const columns = "name,type,origin,canmount,mounted,mountpoint,createtxg,btm:mark,btm:rollback,btm:switch";
    const text = await run("zfs", ["list", "-Hp", "-r", "-t", "filesystem,snapshot", "-o", columns, POOL]);
    const rows = text
      .trimEnd()
      .split("\n")
      .map((line) => line.split("\t"));
    const found = rows.flatMap(([name = "", type, , , , , txg, mark = ""]): Found[] => {
      const [dataset = "", height = ""] = name.split("@");
      return type === "snapshot" && /^\d+$/.test(height)
        ? [{ dataset, height: Number(height), mark, createdIn: Number(txg) }]
        : [];
    });
    const originOf = (dataset: string): string => rows.find(([name]) => name === dataset)?.[2] ?? "-";
    const historyOf = (dataset: string, upTo = Infinity): Found[] => {
      const own = found.filter((snapshot) => snapshot.dataset === dataset && snapshot.createdIn <= upTo);
      const [from = "", height] = originOf(dataset).split("@");
      const fork = found.find((snapshot) => snapshot.dataset === from && snapshot.height === Number(height));
      return [...(fork === undefined ? [] : historyOf(from, fork.createdIn)), ...own];
    };
    const points = rows.flatMap(([name = ""]) => {
      const number = new RegExp(`^${DATASET}\\.btm-undo-([1-9]\\d*)$`).exec(name)?.[1];
      return number === undefined ? [] : [{ number, dataset: name }];
    });
    const known = [POOL, DATASET, ...points.map(({ dataset }) => dataset)];
    const undo: Record<string, Timeline> = {};
    for (const { number, dataset } of points) undo[number] = await this.#readAside(dataset, historyOf(dataset));
    return {
      volume: {
        live: contentOf(this.path),
        snapshots: contents(historyOf(DATASET), ({ height }) => this.contentAt(height)),
      },
      undo,
      leftovers: [
        ...rows.flatMap(([name = "", type]) => {
          const isKnown = type === "snapshot" ? /@\d+$/.test(name) : known.includes(name);
          return isKnown ? [] : [name];
        }),
        ...found
          .filter(({ mark }) => mark === "-")
          .map(({ dataset, height }) => `${dataset}@${String(height)}, unmarked`),
        ...(originOf(DATASET) === "-" ? [] : ["the volume, which is a clone"]),
        ...points.flatMap(({ dataset }) => (originOf(dataset) === "-" ? [`${dataset}, which hangs on nothing`] : [])),
        ...rows.flatMap(([name = "", type, , canmount, mounted]) => {
          const wanted = name === DATASET ? "on yes" : "noauto no";
          const is = `${canmount ?? ""} ${mounted ?? ""}`;
          return type === "snapshot" || name === POOL || is === wanted ? [] : [`${name}: ${is}, not ${wanted}`];
        }),
        ...rows.flatMap(([name = "", ...rest]) =>
          rest.slice(-2).join() === "-,-" ? [] : [`${name}, which speaks of a rollback under way`],
        ),
      ],
    };
  }

  flush(): void {
    execFileSync("zpool", ["sync", POOL]);
  }

  /** Mounted where nothing else looks, and only meanwhile. */
  async #readAside(dataset: string, snapshots: readonly Found[]): Promise<Timeline> {
    const [live, at] = ["/run/btm-cut-live", "/run/btm-cut-snapshot"];
    mkdirSync(live, { recursive: true });
    mkdirSync(at, { recursive: true });
    const read = async (what: string, where: string): Promise<Content> => {
      await run("mount", ["-t", "zfs", "-o", what.includes("@") ? "ro" : "ro,zfsutil", what, where]);
      try {
        return contentOf(where);
      } finally {
        await run("umount", [where]);
      }
    };
    const all: Record<string, Content> = {};
    for (const snapshot of snapshots) {
      all[String(snapshot.height)] =
        snapshot.dataset === DATASET
          ? this.contentAt(snapshot.height)
          : await read(`${snapshot.dataset}@${String(snapshot.height)}`, at);
    }
    return { live: await read(dataset, live), snapshots: all };
  }
}

function contents(snapshots: readonly Found[], read: (snapshot: Found) => Content): Record<string, Content> {
  return Object.fromEntries(snapshots.map((snapshot) => [String(snapshot.height), read(snapshot)]));
}
