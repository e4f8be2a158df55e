import { chmodSync, writeFileSync } from "node:fs";
import { open, readFile } from "node:fs/promises";
import { join } from "node:path";

import { run } from "./run.ts";

/** A zfs command that is the real one, but that waits before one subcommand until it is let go. */
export class WaitingZfs {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  static async make(folder: string, subcommand: string): Promise<WaitingZfs> {
    const zfs = new WaitingZfs(join(folder, `zfs-waits-at-${subcommand}`));
    await run("mkfifo", [zfs.#told, zfs.#go]);
    const lines = [`if [ "$1" = ${subcommand} ]; then echo $$ > "$0.told"; read -r _ < "$0.go"; fi`, 'exec zfs "$@"'];
    writeFileSync(zfs.path, `#!/bin/sh\n${lines.join("\n")}\n`);
    chmodSync(zfs.path, 0o755);
    return zfs;
  }

  get #told(): string {
    return `${this.path}.told`;
  }

  get #go(): string {
    return `${this.path}.go`;
  }

  /** The process that waits, once it does. */
  async waiting(): Promise<number> {
    return Number(await readFile(this.#told, "utf8"));
  }

  async letGo(): Promise<void> {
    const go = await open(this.#go, "w");
    await go.write("go\n");
    await go.close();
  }
}
