import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { expect } from "vitest";

import { Btm } from "../../src/index.ts";
import { readMounts } from "../../src/sys/mounts.ts";
import { manifestOf } from "./manifest.ts";
import { run } from "./run.ts";
import { filesOf } from "./volumes.ts";
import type { ZfsPool } from "./zfs-pool.ts";

/** A snapshot as zfs tells of it, without btm. */
export interface Seen {
  readonly height: number;
  readonly guid: string;
  readonly isMarked: boolean;
  readonly isPinned: boolean;
}

/** How a kill finds a volume, or how it must be found afterwards. */
export interface State {
  readonly snapshots: readonly Seen[];
  /** Whether a rollback has left its journal, or its token in the dataset. */
  readonly hasJournal: boolean;
  /** What the volume shows, and where it is mounted how; undefined when it is not. */
  readonly live: { readonly files: readonly string[]; readonly mount: string } | undefined;
}

/**
 * A volume that goes through one kill after the other. A fresh one for each would cost twice as many zfs commands, 0.2 s
 * each in the lab; that nothing of the kill before is left is what each test has shown when it is done.
 */
export class Survivor {
  readonly dataset: string;
  readonly mountPoint: string;
  /** Those of a node that lives on: they remember what they have seen. */
  readonly btm: { readonly name: Btm; readonly path: Btm };
  /** The calls of their onStep. */
  readonly steps: string[] = [];
  /** What the snapshot of height 0 holds. */
  first: readonly string[] = [];
  /** What was seen last, if nothing was done since. */
  #seen: State | undefined;
  #newest = 0;
  #writes = 0;

  private constructor(dataset: string, mountPoint: string) {
    this.dataset = dataset;
    this.mountPoint = mountPoint;
    const onStep = (step: string, when: string): void => {
      this.steps.push(`${when} ${step}`);
      this.#seen = undefined;
    };
    const btmOf = (volume: string): Btm => new Btm({ volume, itv: 10, cap: 2 }, { onStep });
    this.btm = { name: btmOf(dataset), path: btmOf(mountPoint) };
  }

  /** Makes a volume with one snapshot, of height 0. */
  static async make(pool: ZfsPool, name: string, properties: readonly string[] = []): Promise<Survivor> {
    const { dataset, mountPoint } = await pool.makeDataset(name, name, properties);
    const survivor = new Survivor(dataset, mountPoint);
    survivor.write();
    survivor.first = manifestOf(mountPoint);
    await survivor.btm.name.snapshot(0);
    return survivor;
  }

  /** Changes what is live to what it never was. */
  write(): void {
    filesOf(this.mountPoint).write("state/height", `write ${String(this.#writes++)}`);
  }

  /** A height that is due, above all that there were. */
  nextHeight(): number {
    return (this.#newest += 10);
  }

  /** Takes snapshots until there are so many, and makes what is live differ from them all. */
  async grow(to: number): Promise<State> {
    const { snapshots } = this.#seen ?? (await this.look());
    for (let count = snapshots.length; count < to; count++) {
      this.write();
      await this.btm.name.snapshot(this.nextHeight(), { prune: false });
    }
    this.write();
    const state = { ...(this.#seen ?? (await this.look())), live: this.#live() };
    expect(state).toMatchObject({ hasJournal: false });
    return state;
  }

  /** To be called when someone else works on it. */
  forget(): void {
    this.#seen = undefined;
  }

  async look(): Promise<State> {
    const columns = "name,guid,btm:mark,btm:pin,btm:rollback";
    const args = ["list", "-Hp", "-d", "1", "-t", "filesystem,snapshot", "-o", columns, this.dataset];
    const rows = (await run("zfs", args)).trimEnd().split("\n");
    const [own, ...rest] = rows.map((row) => row.split("\t"));
    const snapshots = rest.map(([name = "", guid = "", mark, pin]) => ({
      height: Number(name.slice(name.indexOf("@") + 1)),
      guid,
      isMarked: mark !== "-",
      isPinned: pin !== "-",
    }));
    this.#seen = { snapshots, hasJournal: own?.[4] !== "-" || this.#hasJournal(), live: this.#live() };
    return this.#seen;
  }

  /** What a snapshot holds. */
  contentOf(height: number): string[] {
    return manifestOf(join(this.mountPoint, ".zfs/snapshot", String(height)));
  }

  #hasJournal(): boolean {
    const folder = "/run/btm";
    const names = existsSync(folder) ? readdirSync(folder) : [];
    return names.some((name) => readFileSync(join(folder, name), "utf8").includes(JSON.stringify(this.dataset)));
  }

  #live(): State["live"] {
    const mounts = readMounts().filter(({ type, source }) => type === "zfs" && source === this.dataset);
    if (mounts.length === 0) return undefined;
    // The id of a mount is given to the next one again, and tells nothing.
    const mount = mounts.map(({ mountPoint, options, superOptions }) =>
      [mountPoint, ...options, ...superOptions].join(" "),
    );
    return { files: manifestOf(this.mountPoint), mount: mount.join(", ") };
  }
}
