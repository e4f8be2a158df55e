import { escapeText } from "../text.ts";
import { LOG_LEVELS, type LogLevel } from "./config.ts";

/** The numbers of syslog(3), which journald reads from a prefix (sd-daemon(3)). */
const PRIORITY: Readonly<Record<LogLevel, number>> = { error: 3, warning: 4, info: 6, debug: 7 };

export interface LogOptions {
  readonly write: (line: string) => void;
  /** Whether journald reads it: a priority in front, and no time, for it has its own. */
  readonly isJournal: boolean;
  readonly now: () => Date;
}

/** One line for each event. What came from outside is escaped, so that nobody forges a line. */
export class Log {
  level: LogLevel = "info";
  readonly #options: LogOptions;

  constructor(options: LogOptions) {
    this.#options = options;
  }

  error(text: string): void {
    this.#say("error", text);
  }

  warning(text: string): void {
    this.#say("warning", text);
  }

  info(text: string): void {
    this.#say("info", text);
  }

  debug(text: string): void {
    this.#say("debug", text);
  }

  #say(level: LogLevel, text: string): void {
    if (LOG_LEVELS.indexOf(level) > LOG_LEVELS.indexOf(this.level)) return;
    const { write, isJournal, now } = this.#options;
    const front = isJournal ? `<${String(PRIORITY[level])}>` : `${now().toISOString()} ${level}: `;
    write(`${front}${escapeText(text)}\n`);
  }
}

/** An error in one line, with its hint. */
export function errorText(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const hint = "hint" in error && typeof error.hint === "string" ? ` (${error.hint})` : "";
  return `${error.message}${hint}`;
}
