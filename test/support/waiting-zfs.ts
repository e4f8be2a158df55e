import {
  chmodSync,
  closeSync,
  constants,
  type FSWatcher,
  openSync,
  readFileSync,
  watch,
  writeFileSync,
  writeSync,
} from "node:fs";
import { basename, join } from "node:path";

import { run } from "./run.ts";

/** A zfs command that is the real one, but that waits before one of its calls until it is let go. */
export class WaitingZfs {
  readonly path: string;
  readonly #watcher: FSWatcher;
  readonly #waiting: Promise<number>;
  #go: number | undefined;

  private constructor(folder: string, path: string) {
    this.path = path;
    const told = `${path}.pid`;
    const { promise, resolve } = Promise.withResolvers<number>();
    this.#waiting = promise;
    this.#watcher = watch(folder, (_, name) => {
      if (name === basename(told)) resolve(Number(readFileSync(told, "utf8")));
    });
  }

  /** @param call the how manieth call of the subcommand waits, from 1 */
  static async make(folder: string, subcommand: string, call: number): Promise<WaitingZfs> {
    const zfs = new WaitingZfs(folder, join(folder, `zfs-waits-at-${subcommand}`));
    await run("mkfifo", [`${zfs.path}.go`]);
    const script = `#!/bin/sh
if [ "$1" = ${subcommand} ]; then
  echo >> "$0.calls"
  if [ $(wc -l < "$0.calls") = ${String(call)} ]; then
    echo $$ > "$0.pid.new" && mv "$0.pid.new" "$0.pid"
    read -r _ < "$0.go"
  fi
fi
exec zfs "$@"
`;
    writeFileSync(zfs.path, script);
    chmodSync(zfs.path, 0o755);
    return zfs;
  }

  /** The process that waits, once it does. */
  waiting(): Promise<number> {
    return this.#waiting;
  }

  letGo(): void {
    // For reading as well: so it waits for nobody, and what is written stays until it is read.
    this.#go ??= openSync(`${this.path}.go`, constants.O_RDWR);
    writeSync(this.#go, "go\n");
  }

  /** Leaves nobody waiting. */
  close(): void {
    this.letGo();
    if (this.#go !== undefined) closeSync(this.#go);
    this.#watcher.close();
  }
}
