import { BtmError } from "../errors.ts";
import { readSafely } from "../sys/safe-file.ts";
import { escapeText, quote } from "../text.ts";

export interface Credentials {
  readonly user?: string;
  readonly password?: string;
  /** The path of a file that holds user:password, as the Bitcoin family writes one at each start. */
  readonly cookieFile?: string;
}

/** What proves to a node who asks. A cookie is read when it is needed, and again after each {@link forget}. */
export class Authorization {
  readonly #given: string | undefined;
  readonly #cookieFile: string | undefined;
  #cookie: string | undefined;

  /** @throws BtmError BAD_OPTION when there are two of them */
  constructor(url: URL, { user, password, cookieFile }: Credentials) {
    const inUrl = url.username !== "" || url.password !== "";
    const ways = [inUrl, user !== undefined || password !== undefined, cookieFile !== undefined];
    if (ways.filter(Boolean).length > 1) {
      throw new BtmError("BAD_OPTION", "Cannot use two credentials for one node", {
        hint: "Give one of user:password in the URL, user and password, or a cookie file",
      });
    }
    this.#cookieFile = cookieFile;
    if (inUrl) this.#given = `${decoded(url.username)}:${decoded(url.password)}`;
    else if (ways[1] === true) this.#given = `${user ?? ""}:${password ?? ""}`;
  }

  /** The value of the header, undefined when there are no credentials. */
  async header(): Promise<string | undefined> {
    if (this.#cookieFile !== undefined) this.#cookie ??= await readCookie(this.#cookieFile);
    const pair = this.#given ?? this.#cookie;
    return pair === undefined ? undefined : `Basic ${base64(pair)}`;
  }

  /** The cookie is read again before it is used. Whether there is one. */
  forget(): boolean {
    this.#cookie = undefined;
    return this.#cookieFile !== undefined;
  }

  /** What must not be printed. */
  secrets(): string[] {
    const pair = this.#given ?? this.#cookie;
    if (pair === undefined) return [];
    return [base64(pair), pair, pair.slice(pair.indexOf(":") + 1)];
  }
}

function base64(text: string): string {
  return Buffer.from(text).toString("base64");
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    // A percent sign that escapes nothing stands for itself.
    return text;
  }
}

async function readCookie(file: string): Promise<string> {
  try {
    const cookie = (await readSafely(file, MAX_COOKIE_BYTES)).trim();
    if (!COOKIE.test(cookie)) throw new Error("it does not hold user:password, on one line");
    return cookie;
  } catch (error) {
    throw cookieFailure(file, error);
  }
}

function cookieFailure(file: string, error: unknown): BtmError {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  const name = `the cookie file ${quote(file)}`;
  if (code === "ENOENT") {
    const hint =
      "The node writes it when it starts; below the volume it is where the node has it, as in regtest/.cookie";
    return new BtmError("NODE_UNREACHABLE", `Cannot ask the node: ${name} is not there`, {
      cause: error,
      hint,
      details: { cookieFile: file },
    });
  }
  const why = escapeText(error instanceof Error ? error.message : String(error));
  return new BtmError("PERMISSION_DENIED", `Cannot ask the node: ${name} cannot be read: ${why}`, { cause: error });
}

/** Whatever else lies there is not sent to whoever answers as the node. */
const COOKIE = /^[^:\p{Cc}]+:[^\p{Cc}]+$/u;
const MAX_COOKIE_BYTES = 4096;
