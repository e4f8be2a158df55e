import type { BtmError } from "../errors.ts";

/** Where a command writes and reads: the process's own streams, or a test's. */
export interface Terminal {
  write(text: string): void;
  writeError(text: string): void;
  /** Whether a person sees it. */
  readonly outIsTty: boolean;
  readonly errorIsTty: boolean;
  readonly inIsTty: boolean;
  /** Asks a question and gives the line that is typed; undefined at the end of the input. */
  ask(question: string, signal: AbortSignal): Promise<string | undefined>;
  readonly env: Readonly<Record<string, string | undefined>>;
}

type Style = "bold" | "dim" | "red" | "yellow" | "green";

/** ECMA-48 "select graphic rendition": on, off. */
const CODES: Readonly<Record<Style, readonly [number, number]>> = {
  bold: [1, 22],
  dim: [2, 22],
  red: [31, 39],
  yellow: [33, 39],
  green: [32, 39],
};

/** What a command says: for people as text, or with --json as one document; tables, colour and JSON live here only. */
export class Output {
  readonly json: boolean;
  readonly #terminal: Terminal;
  readonly #command: string;

  constructor(terminal: Terminal, command: string, json: boolean) {
    this.#terminal = terminal;
    this.#command = command;
    this.json = json;
  }

  /** A line of the answer; nothing with --json. */
  line(text = ""): void {
    if (!this.json) this.#terminal.write(`${text}\n`);
  }

  /** A line beside the answer, on stderr; nothing with --json, where the document says it. */
  note(text: string): void {
    if (!this.json) this.#terminal.writeError(`${text}\n`);
  }

  /** A line of a log, as it is, also with --json. */
  log(line: string): void {
    this.#terminal.writeError(line);
  }

  warn(text: string): void {
    this.note(`${this.#styleError("yellow", "warning:")} ${text}`);
  }

  /** The one document of a command that succeeded (docs/json.md). */
  result(result: unknown): void {
    if (this.json) this.#document({ ok: true, result });
  }

  /** What went wrong: on stderr for people, as the one document on stdout with --json. */
  error(error: BtmError): void {
    this.failed(error, undefined);
  }

  /** The same of a command that has a result all the same, which says more. */
  failed(error: BtmError, result: unknown): void {
    const { code, message, hint, exitStatus } = error;
    if (this.json) {
      const rest = result === undefined ? {} : { result };
      this.#document({ ok: false, error: { code, message, hint: hint ?? null, exitStatus }, ...rest });
      return;
    }
    this.#terminal.writeError(`${this.#styleError("red", "btm:")} ${message}\n`);
    if (hint !== undefined) this.#terminal.writeError(`  ${this.#styleError("dim", "hint:")} ${hint}\n`);
  }

  style(style: Style, text: string): string {
    return paint(style, text, this.#terminal.outIsTty && this.#coloursWanted);
  }

  /** Rows under a header, columns as wide as their widest cell; the first is flushed right, for heights. */
  table(header: readonly string[], rows: readonly (readonly string[])[]): void {
    const width = (column: number): number => Math.max(...[header, ...rows].map((row) => row[column]?.length ?? 0));
    const widths = header.map((_, column) => width(column));
    const render = (row: readonly string[]): string =>
      row
        .map((cell, i) => (i === 0 ? cell.padStart(widths[i] ?? 0) : cell.padEnd(widths[i] ?? 0)))
        .join("  ")
        .trimEnd();
    this.line(this.style("dim", render(header)));
    for (const row of rows) this.line(render(row));
  }

  /** Whether the person at the terminal agrees. */
  async agrees(question: string, signal: AbortSignal): Promise<boolean> {
    const answer = await this.#terminal.ask(`${question} [y/N] `, signal);
    return /^y(es)?$/i.test(answer?.trim() ?? "");
  }

  #document(body: object): void {
    this.#terminal.write(`${JSON.stringify({ btm: 1, command: this.#command, ...body })}\n`);
  }

  #styleError(style: Style, text: string): string {
    return paint(style, text, this.#terminal.errorIsTty && this.#coloursWanted);
  }

  /** no-color.org: any value but the empty one turns colours off. */
  get #coloursWanted(): boolean {
    const { NO_COLOR, TERM } = this.#terminal.env;
    return (NO_COLOR === undefined || NO_COLOR === "") && TERM !== "dumb";
  }
}

function paint(style: Style, text: string, on: boolean): string {
  const [start, end] = CODES[style];
  return on ? `\u001b[${String(start)}m${text}\u001b[${String(end)}m` : text;
}
