import { readFileSync, writeFileSync } from "node:fs";
import { chmod, writeFile } from "node:fs/promises";
import { join } from "node:path";

/** A zfs command that writes down each of its calls, and then is the real one. */
export class CountingZfs {
  /** For {@link BtmDeps.zfsCommand}. */
  readonly command: string;
  readonly #log: string;

  private constructor(folder: string) {
    this.command = join(folder, "counting-zfs");
    this.#log = `${this.command}.log`;
  }

  /** @param real the zfs command that it is in the end */
  static async make(folder: string, real = "zfs"): Promise<CountingZfs> {
    const made = new CountingZfs(folder);
    await writeFile(made.command, `#!/bin/sh\necho "$1" >> '${made.#log}'\nexec ${real} "$@"\n`);
    await chmod(made.command, 0o755);
    made.calls();
    return made;
  }

  /** What was called since this was asked last, in order: "list", "snapshot". */
  calls(): string[] {
    let text: string;
    try {
      text = readFileSync(this.#log, "utf8");
    } catch {
      // Never called.
      text = "";
    }
    writeFileSync(this.#log, "");
    return text.split("\n").filter((line) => line !== "");
  }
}
