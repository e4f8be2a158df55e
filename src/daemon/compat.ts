import { BtmError } from "../errors.ts";
import { type Height, parseHeight } from "../height.ts";
import { type Datagram, DatagramSocket } from "../sys/datagram.ts";
import { isErrno } from "../sys/libc.ts";
import type { Peer } from "../sys/peer.ts";
import { within } from "../sys/within.ts";
import { errorText, type Log } from "./log.ts";

/** Where clients of the original send to, an abstract name. */
const COMPAT_ADDRESS = "b1ce842e9f6e96d36287c8cfece722d";

const COMPAT_RESULTS = ["success", "failure", "malformed", "refused", "dropped", "unanswered"] as const;

export interface CompatOptions {
  /** Takes it, or tells why there is no need to. */
  readonly ask: (height: Height) => Promise<{ readonly taken: boolean; readonly reason: string }>;
  readonly isAllowed: (peer: Peer) => Promise<boolean>;
  readonly log: Log;
  readonly address?: string;
}

/**
 * The socket of the original, whose clients send `{"idx":N}` and take whatever comes first for the answer. That nothing
 * had to be done is a success to them: only a failure is one.
 */
export class CompatSocket {
  readonly #options: CompatOptions;
  readonly #socket: DatagramSocket;
  readonly counts = new Map<(typeof COMPAT_RESULTS)[number], number>(COMPAT_RESULTS.map((result) => [result, 0]));
  readonly #answering = new Set<Promise<void>>();
  readonly #reading: Promise<void>;
  #isClosing = false;

  /** @throws BtmError ALREADY_RUNNING */
  constructor(options: CompatOptions) {
    this.#options = options;
    const { address = COMPAT_ADDRESS } = options;
    try {
      this.#socket = new DatagramSocket(address, MAX_BYTES);
    } catch (error) {
      if (!isErrno(error, "EADDRINUSE")) throw error;
      throw new BtmError("ALREADY_RUNNING", `Cannot listen on the abstract socket @${address}: somebody else does`, {
        hint: "A daemon of the original perhaps; ss -xlp | grep tells who",
      });
    }
    this.#reading = this.#read();
  }

  /** Takes no more requests, and waits for the answers under way. */
  async close(): Promise<void> {
    // Answers leave by it, so it is closed last; what comes meanwhile is not read.
    this.#isClosing = true;
    await Promise.all(this.#answering);
    await this.#socket.close();
    await this.#reading;
  }

  async #read(): Promise<void> {
    const { log } = this.#options;
    try {
      for (let got = await this.#socket.receive(); got !== undefined; got = await this.#socket.receive()) {
        if (!this.#isClosing) await this.#accept(got);
      }
    } catch (error) {
      log.error(`The socket of the original is served no more: ${errorText(error)}`);
    }
  }

  async #accept({ bytes, from, peer }: Datagram): Promise<void> {
    const { log, isAllowed } = this.#options;
    const who = peer === undefined ? "nobody" : `pid ${peer.pid} uid ${peer.uid} gid ${peer.gid}`;
    if (peer === undefined || !(await isAllowed(peer))) {
      // Anybody can send thousands: the log is not for them to fill.
      log.debug(`A datagram from ${who}: refused`);
      this.#count("refused");
      return;
    }
    const height = heightIn(bytes);
    if (height === undefined || from === undefined) {
      log.debug(`A datagram from ${who}: ${height === undefined ? "malformed" : "its sender has no abstract name"}`);
      this.#count("malformed");
      return;
    }
    if (this.#answering.size >= MAX_ANSWERING) {
      this.#count("dropped");
      return;
    }
    const answering = this.#answer(height, from, who).finally(() => {
      this.#answering.delete(answering);
    });
    this.#answering.add(answering);
  }

  async #answer(height: Height, from: Buffer, who: string): Promise<void> {
    const { ask, log } = this.#options;
    const what = `${String(height)} by datagram from ${who}`;
    let isSuccess = false;
    try {
      const answer = await within(DEADLINE_MS, ask(height));
      isSuccess = answer !== undefined;
      const line = `${what}: ${answer?.reason ?? "not done in time, it goes on"}`;
      if (answer?.reason === "not-due") log.debug(line);
      else log.info(line);
    } catch (error) {
      log.warning(`${what}: ${errorText(error)}`);
    }
    this.#count(isSuccess ? "success" : "failure");
    try {
      this.#socket.send(Buffer.from(`{"idx":${String(height)},"success":${String(isSuccess)}}`), from);
    } catch (error) {
      log.debug(`${what}: not answered: ${errorText(error)}`);
      this.#count("unanswered");
    }
  }

  #count(result: (typeof COMPAT_RESULTS)[number]): void {
    this.counts.set(result, (this.counts.get(result) ?? 0) + 1);
  }
}

/** Read as text: JSON.parse would round a number beyond 2^53. Not one of JSON's other spellings is ever sent. */
function heightIn(bytes: Buffer): Height | undefined {
  if (bytes.byteLength > MAX_BYTES) return undefined;
  const match = /^\s*\{\s*"idx"\s*:\s*(0|[1-9]\d{0,19})\s*\}\s*$/.exec(bytes.toString("latin1"));
  try {
    return match?.[1] === undefined ? undefined : parseHeight(match[1]);
  } catch {
    // Above 2^64 - 1.
    return undefined;
  }
}

const MAX_BYTES = 128;
/** A chain has one under way; what is more than this is no chain. */
const MAX_ANSWERING = 256;
/** The clients wait 10 s. */
const DEADLINE_MS = 9500;
