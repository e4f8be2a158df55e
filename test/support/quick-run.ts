import { type ChildProcessByStdio, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import type { Readable, Writable } from "node:stream";

type Shell = ChildProcessByStdio<Writable, Readable, null>;

let shell: Shell | undefined;
let last: Promise<unknown> = Promise.resolve();

/**
 * Runs a command and returns what it printed, as run() does, from a small process that stands ready: in a guest of the lab
 * the fork of the process of the tests takes 190 ms, longer than most commands do.
 */
export function quickRun(command: string, args: readonly string[]): Promise<string> {
  const result = last.then(() => runIn((shell ??= start()), [command, ...args]));
  last = result.catch(() => undefined);
  return result;
}

/** It ends with its input, and keeps nobody waiting for that. */
function start(): Shell {
  const child = spawn("sh", [], { stdio: ["pipe", "pipe", "inherit"] });
  child.stdout.setEncoding("utf8");
  for (const handle of [child, child.stdin, child.stdout] as { unref?: () => void }[]) handle.unref?.();
  return child;
}

function runIn({ stdin, stdout }: Shell, words: readonly string[]): Promise<string> {
  const mark = `\n${randomUUID()} `;
  return new Promise((resolve, reject) => {
    let output = "";
    const onData = (chunk: string): void => {
      output += chunk;
      const [said = "", status] = output.split(mark);
      if (status?.endsWith("\n") !== true) return;
      stdout.off("data", onData);
      if (Number(status) === 0) resolve(said);
      else reject(new Error(`${words.join(" ")} ended with ${status.trim()}: ${said}`));
    };
    stdout.on("data", onData);
    stdin.write(`${words.map(quoted).join(" ")} </dev/null 2>&1; printf '\\n%s %s\\n' '${mark.trim()}' $?\n`);
  });
}

function quoted(word: string): string {
  return `'${word.replaceAll("'", String.raw`'\''`)}'`;
}
