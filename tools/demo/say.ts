/** How the demo speaks: plain lines, styled on a terminal only. styleText itself heeds NO_COLOR and TERM=dumb. */
import { styleText } from "node:util";

type Style = Parameters<typeof styleText>[0];

function styled(stream: NodeJS.WriteStream, style: Style, text: string): string {
  return stream.isTTY ? styleText(style, text, { stream }) : text;
}

function line(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** Begins a part of the story. */
export function heading(text: string): void {
  line(`\n${styled(process.stdout, "bold", text)}`);
}

export function say(text: string): void {
  line(`  ${text}`);
}

/** A command, as a person would type it. */
export function typed(command: string): void {
  line(`  ${styled(process.stdout, "cyan", `$ ${command}`)}`);
}

/** What a command printed. */
export function printed(output: string): void {
  for (const text of output.trimEnd().split("\n")) line(`    ${text}`);
}

/** Something that was checked and found right. */
export function agreed(text: string): void {
  line(`  ${styled(process.stdout, "green", "agreed")}  ${text}`);
}

export function finished(text: string): void {
  line(`\n${styled(process.stdout, ["bold", "green"], text)}`);
}

export function interrupted(text: string): void {
  process.stderr.write(`\n${text}\n`);
}

export function failed(text: string): void {
  process.stderr.write(`\n${styled(process.stderr, ["bold", "red"], "FAILED")}  ${text}\n`);
}
