import { BtmError } from "../errors.ts";
import { show } from "../height.ts";
import { escapeText, quote } from "../text.ts";
import { isVolumeLabel, LABEL_FORM } from "./config.ts";
import { isTable, lineOf } from "./config-lines.ts";
import { nearest } from "./nearest.ts";

export interface Problem {
  /** "/etc/btm/btm.toml:3". */
  readonly where: string;
  readonly message: string;
  readonly hint: string | undefined;
}

/** All that is wrong with one file: a reader who must repair it wants to know it at once. */
export class Problems {
  readonly #file: string;
  readonly #text: string;
  readonly #found: (Problem & { readonly line: number })[] = [];

  constructor(file: string, text: string) {
    this.#file = file;
    this.#text = text;
  }

  /** Where a key is, for a message about another one: "line 3". */
  lineOf(at: readonly string[]): string {
    return `line ${String(lineOf(this.#text, at) ?? "?")}`;
  }

  add(at: readonly string[] | number, message: string, hint?: string): void {
    const line = typeof at === "number" ? at : lineOf(this.#text, at);
    const where = line === undefined ? escapeText(this.#file) : `${escapeText(this.#file)}:${String(line)}`;
    this.#found.push({ where, message, hint, line: line ?? 0 });
  }

  /** Runs what may refuse a value, and puts its reason down. */
  attempt<T>(at: readonly string[], read: () => T): T | undefined {
    try {
      return read();
    } catch (error) {
      if (!(error instanceof BtmError)) throw error;
      this.add(at, error.message, error.hint);
      return undefined;
    }
  }

  /** @throws BtmError BAD_CONFIG when there is any */
  throwIfAny(): void {
    const all = this.#found
      .toSorted((a, b) => a.line - b.line)
      .map(({ where, message, hint }): Problem => ({ where, message, hint }));
    const [first, ...rest] = all;
    if (first === undefined) return;
    const more = rest.length === 0 ? "" : ` (and ${String(rest.length)} more)`;
    throw new BtmError("BAD_CONFIG", `${first.where}: ${first.message}${more}`, {
      ...(rest.length === 0
        ? { hint: first.hint ?? "docs/daemon.md and docs/following.md have every key" }
        : { hint: HINT }),
      details: { problems: all },
    });
  }
}

const HINT = "btm check-config lists them all";

/** One table of the file: what is asked of it is known, and everything else a mistake. */
export class ConfigTable {
  readonly path: readonly string[];
  readonly #values: Readonly<Record<string, unknown>>;
  readonly #problems: Problems;
  readonly #asked = new Set<string>();

  constructor(path: readonly string[], values: Readonly<Record<string, unknown>>, problems: Problems) {
    this.path = path;
    this.#values = values;
    this.#problems = problems;
  }

  at(key: string): readonly string[] {
    return [...this.path, key];
  }

  any(key: string): unknown {
    this.#asked.add(key);
    // What a prototype has is no key of the file.
    return Object.hasOwn(this.#values, key) ? this.#values[key] : undefined;
  }

  /** The table at a key; an empty one when there is none. */
  tableOf(key: string): Readonly<Record<string, unknown>> {
    const value = this.any(key);
    return isTable(value) ? value : {};
  }

  text(key: string): string | undefined {
    return this.#of(key, "text in quotes", (value) => typeof value === "string");
  }

  boolean(key: string): boolean | undefined {
    return this.#of(key, "true or false", (value) => typeof value === "boolean");
  }

  texts(key: string): readonly string[] | undefined {
    return this.#of(key, "an array of text", (value): value is string[] => {
      return Array.isArray(value) && value.every((entry) => typeof entry === "string");
    });
  }

  list(key: string): readonly unknown[] {
    return this.#of(key, "an array", (value): value is unknown[] => Array.isArray(value)) ?? [];
  }

  /** A whole number; TOML's integers arrive as bigints. */
  number(key: string, min: number, max: number): number | undefined {
    const wanted = `a whole number from ${String(min)} to ${String(max)}`;
    const value = this.#of(key, wanted, (given): given is bigint => {
      return typeof given === "bigint" && given >= BigInt(min) && given <= BigInt(max);
    });
    return value === undefined ? undefined : Number(value);
  }

  /** Every key that nobody asked for is a mistake. */
  refuseOthers(what: string): void {
    for (const key of Object.keys(this.#values)) {
      if (this.#asked.has(key)) continue;
      const asked = [...this.#asked];
      const meant = nearest(key, asked);
      this.#problems.add(
        this.at(key),
        `Unknown key ${quote(key)} in ${what}`,
        meant === undefined ? `Expected one of ${asked.join(", ")}` : `Did you mean ${meant}?`,
      );
    }
  }

  #of<T>(key: string, wanted: string, is: (value: unknown) => value is T): T | undefined {
    const value = this.any(key);
    if (value === undefined || is(value)) return value;
    this.#problems.add(this.at(key), `Cannot use ${key} ${show(value)}: expected ${wanted}`);
    return undefined;
  }
}

/** The tables [kind.NAME], each with a name that can stand in a URL. */
export function tablesOf(top: ConfigTable, kind: string, problems: Problems): ConfigTable[] {
  const all = top.any(kind);
  if (all === undefined) return [];
  if (!isTable(all)) {
    problems.add([kind], `Cannot use ${kind} ${show(all)}: expected tables [${kind}.NAME]`);
    return [];
  }
  return Object.entries(all).flatMap(([name, values]) => {
    if (!isVolumeLabel(name)) problems.add([kind, name], `Cannot use the name ${quote(name)}: expected ${LABEL_FORM}`);
    if (isTable(values)) return [new ConfigTable([kind, name], values, problems)];
    problems.add([kind, name], `Cannot use ${kind}.${escapeText(name)} ${show(values)}: expected a table`);
    return [];
  });
}
