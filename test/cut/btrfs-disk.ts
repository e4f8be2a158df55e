import { execFileSync } from "node:child_process";
import { closeSync, existsSync, mkdirSync, openSync, readdirSync } from "node:fs";
import { join } from "node:path";

import { getAttribute } from "../../src/sys/libc.ts";
import { run } from "../support/run.ts";
import type { Disk } from "./disk.ts";
import { FILES, type Look, type Timeline } from "./events.ts";
import { fill } from "./files.ts";
import { type Content, contentOf } from "./log.ts";

const BASE = "data";

interface Found {
  readonly name: string;
  readonly height: number;
  /** The undo point that has it; undefined when the volume has. */
  readonly holder: number | undefined;
  readonly uuid: string;
}

/** A Btrfs with the volume beside its snapshots in a mounted directory, or mounted itself by its name. */
export class BtrfsDisk implements Disk {
  readonly path: string;
  readonly names: readonly string[];
  readonly #isMounted: boolean;
  readonly #image: string;
  readonly #top: string;

  constructor(folder: string, isMounted: boolean) {
    this.#isMounted = isMounted;
    this.#image = join(folder, FILES.image);
    this.#top = join(folder, "top");
    this.path = isMounted ? join(folder, FILES.volume) : join(this.#top, BASE);
    this.names = [this.path];
  }

  async make(): Promise<void> {
    await run("truncate", ["-s", "256M", this.#image]);
    await run("mkfs.btrfs", ["-q", this.#image]);
    await this.#mount(async (top) => {
      await run("btrfs", ["subvolume", "create", "--", join(top, BASE)]);
    });
    fill(this.path);
  }

  async find(): Promise<string[]> {
    await this.#mount(() => Promise.resolve());
    const scrub = await run("btrfs", ["scrub", "start", "-B", this.#top]);
    const stats = await run("btrfs", ["device", "stats", this.#top]);
    return [
      ...(/Error summary: +no errors found/.test(scrub) ? [] : [scrub]),
      ...stats.split("\n").filter((line) => line !== "" && !/ 0$/.test(line)),
    ];
  }

  live(): Promise<Content> {
    return Promise.resolve(contentOf(this.path));
  }

  contentAt(height: number): Content {
    return contentOf(join(this.#top, `${BASE}@${String(height)}`));
  }

  async look(): Promise<Look> {
    const uuids = await this.#uuids();
    const names = readdirSync(this.#top);
    const found = names.flatMap((name): Found[] => {
      const [, height, holder] = new RegExp(String.raw`^${BASE}@(\d+)(?:\.undo-(\d+))?$`).exec(name) ?? [];
      const uuid = uuids.get(name);
      if (height === undefined || uuid === undefined) return [];
      return [{ name, height: Number(height), holder: holder === undefined ? undefined : Number(holder), uuid }];
    });
    const aside = join(this.#top, `${BASE}.btm`);
    const points = existsSync(aside) ? readdirSync(aside) : [];
    const numbers = points.map((name) => Number(/^undo-(\d+)$/.exec(name)?.[1])).filter((number) => number > 0);
    const known = [BASE, `${BASE}.btm`, ...found.map(({ name }) => name)];
    const lives = numbers.map((number) => `${BASE}.btm/undo-${String(number)}/live`);
    const unmarked = found.filter(({ name }) => this.#attribute(name, "user.btm") === undefined);
    const historyOf = (holder: number | undefined, upTo: number): Found[] => {
      const own = found.filter((snapshot) => snapshot.holder === holder && snapshot.height <= upTo);
      if (holder === undefined) return own;
      const fork = found.find(({ uuid }) => uuid === this.#record(holder)["fork"]);
      return [...(fork === undefined ? [] : historyOf(fork.holder, fork.height)), ...own];
    };
    return {
      volume: this.#timeline(this.path, historyOf(undefined, Infinity)),
      undo: Object.fromEntries(
        numbers
          .filter((number) => uuids.has(`${BASE}.btm/undo-${String(number)}/live`))
          .map((number) => {
            const live = join(aside, `undo-${String(number)}`, "live");
            return [String(number), this.#timeline(live, historyOf(number, Infinity))];
          }),
      ),
      leftovers: [
        ...names.filter((name) => !known.includes(name)),
        ...points.filter((name) => !/^undo-[1-9]\d*$/.test(name)).map((name) => join(aside, name)),
        ...numbers.flatMap((number) => this.#faultsOf(number, found)),
        ...unmarked.map(({ name }) => `${name}, which has no mark`),
        ...found
          .filter(({ holder }) => holder !== undefined && !numbers.includes(holder))
          .map(({ name }) => `${name} of no undo point`),
        ...[...uuids.keys()].filter((path) => ![...known, ...lives].includes(path)).map((path) => `subvolume ${path}`),
        ...(existsSync(aside) && this.#attribute(`${BASE}.btm`, "user.btm.journal") !== undefined ? ["a journal"] : []),
      ],
    };
  }

  flush(): void {
    execFileSync("sync", ["-f", this.#top]);
  }

  async #mount(prepare: (top: string) => Promise<void>): Promise<void> {
    mkdirSync(this.#top, { recursive: true });
    const device = (await run("losetup", ["--find", "--show", this.#image])).trim();
    await run("mount", ["-t", "btrfs", device, this.#top]);
    await prepare(this.#top);
    if (!this.#isMounted) return;
    mkdirSync(this.path, { recursive: true });
    await run("mount", ["-t", "btrfs", "-o", `noatime,subvol=/${BASE}`, device, this.path]);
  }

  /** The subvolumes there are, by their paths. */
  async #uuids(): Promise<Map<string, string>> {
    const lines = (await run("btrfs", ["subvolume", "list", "-u", this.#top])).trimEnd().split("\n");
    return new Map(
      lines.flatMap((line) => {
        const [, uuid, path] = / uuid (\S+) path (.*)$/.exec(line) ?? [];
        return uuid === undefined || path === undefined ? [] : [[path, uuid] as const];
      }),
    );
  }

  #timeline(live: string, snapshots: readonly Found[]): Timeline {
    const all = snapshots.map(({ name, height }) => [String(height), contentOf(join(this.#top, name))] as const);
    return { live: contentOf(live), snapshots: Object.fromEntries(all) };
  }

  #faultsOf(number: number, found: readonly Found[]): string[] {
    const name = `${BASE}.btm/undo-${String(number)}`;
    const record = this.#record(number);
    const inside = readdirSync(join(this.#top, name)).join();
    return [
      ...(inside === "live" ? [] : [`${name} with "${inside}" in it`]),
      ...(record["isDropped"] === true ? [`${name}, half dropped`] : []),
      ...(found.some(({ uuid }) => uuid === record["fork"]) ? [] : [`${name}, which hangs on nothing`]),
    ];
  }

  #record(number: number): Record<string, unknown> {
    const text = this.#attribute(`${BASE}.btm/undo-${String(number)}`, "user.btm.undo");
    return JSON.parse(text ?? "{}") as Record<string, unknown>;
  }

  #attribute(name: string, attribute: string): string | undefined {
    const fd = openSync(join(this.#top, name), "r");
    try {
      return getAttribute(fd, attribute);
    } finally {
      closeSync(fd);
    }
  }
}
