import { openSync, readFileSync, writeSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

/** Counts in a file, a step each millisecond, for as long as this process runs. */
export function countInto(file: string): void {
  const fd = openSync(file, "w");
  // As many digits for each: it is read at any moment.
  let steps = Date.now();
  setInterval(() => {
    writeSync(fd, String(++steps), 0);
  }, 1);
}

/** What another process counts. */
export class Counter {
  readonly file: string;

  constructor(file: string) {
    this.file = file;
  }

  /** Waits until it has gone on by ten steps. */
  async advances(): Promise<void> {
    const before = this.#read();
    for (let looks = 0; this.#read() < before + 10; looks++) {
      if (looks === 60_000) throw new Error("it never goes on");
      await sleep(1);
    }
  }

  /** Whether it makes no step for a while. */
  async stands(milliseconds = 200): Promise<boolean> {
    const before = this.#read();
    await sleep(milliseconds);
    return this.#read() === before;
  }

  #read(): number {
    try {
      return Number(readFileSync(this.file, "utf8"));
    } catch {
      // It has not begun.
      return 0;
    }
  }
}
