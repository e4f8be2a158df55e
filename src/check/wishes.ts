import { isIP } from "node:net";
import { isAbsolute, join } from "node:path";

import { Authorization } from "../chain/credentials.ts";
import { familyOf } from "../chain/families.ts";
import { FAMILY_NAMES } from "../chain/family.ts";
import { parseNodeUrl } from "../chain/node-client.ts";
import { BtmError } from "../errors.ts";
import { show } from "../height.ts";
import type { Job, NodeJob } from "./job.ts";

/** How a command is started on a copy, as a caller says it. */
export interface CommandOptions {
  /** The program and its arguments, in which "{path}" stands for the path of the copy: there is no shell. */
  readonly command: readonly string[];
  /** All that it has besides BTM_PATH, BTM_HEIGHT and BTM_VOLUME, and a HOME; that of this process unless given. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Its working directory; that of this process unless given. */
  readonly folder?: string;
  /** How long it may take, in milliseconds; 5 minutes unless given. */
  readonly timeoutMs?: number;
  /** Absolute paths that it may write to besides the copy and the usual temporary directories. */
  readonly writable?: readonly string[];
}

/** How the node that was started is asked. */
export interface FollowOptions {
  /** Of its RPC, as it is inside: "http://127.0.0.1:8545". */
  readonly url: string;
  /** The family of the node; the one that the mark tells, or that it answers as, unless given. */
  readonly chain?: string;
  /** With its cookie; relative to the copy, or as the node has it in the live volume. */
  readonly cookieFile?: string;
}

/** Where a command is started. */
export interface Surroundings {
  readonly path: string;
  readonly live: string | undefined;
  /** The volume, by its name. */
  readonly name: string;
  readonly height: bigint;
}

const TIMEOUT_MS = 5 * 60_000;
const STOP_MS = 10_000;
/** setTimeout of JavaScript takes no more. */
const MAX_TIMEOUT_MS = 2 ** 31 - 1;
/** What the manager of services tells this process alone: a node would answer it in our name. */
const OURS = ["NOTIFY_SOCKET", "WATCHDOG_PID", "WATCHDOG_USEC", "LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES"];

/** @throws BtmError BAD_OPTION */
export function checkCommand({ command, timeoutMs, writable, folder }: CommandOptions): void {
  const fail = (what: string): BtmError => new BtmError("BAD_OPTION", `Cannot start the command: ${what}`);
  const isText = (value: unknown): boolean => typeof value === "string" && !value.includes("\0");
  if (!Array.isArray(command) || command.length === 0 || !command.every(isText)) {
    throw fail("expected the program and its arguments, a list of texts");
  }
  if (command[0] === "") throw fail("the program has no name");
  const isTime = timeoutMs === undefined || (timeoutMs > 0 && timeoutMs <= MAX_TIMEOUT_MS);
  if (!isTime) throw fail(`expected timeoutMs from 1 to ${String(MAX_TIMEOUT_MS)}, not ${show(timeoutMs)}`);
  for (const path of writable ?? []) {
    if (!isText(path) || !isAbsolute(path)) throw fail(`expected an absolute path to be writable, not ${show(path)}`);
  }
  if (folder !== undefined && (!isText(folder) || !isAbsolute(folder))) {
    throw fail(`expected an absolute path as its working directory, not ${show(folder)}`);
  }
}

/** @throws BtmError BAD_OPTION */
export function checkFollow({ url, chain, cookieFile }: FollowOptions): void {
  const { hostname } = parseNodeUrl(url);
  new Authorization(parseNodeUrl(url), cookieFile === undefined ? {} : { cookieFile });
  if (isIP(hostname.replace(/^\[|\]$/g, "")) !== 0 && !/^(?:127\.|\[::1\]$)/.test(hostname)) {
    throw new BtmError("BAD_OPTION", `Cannot ask a node at ${hostname}: a check has no network but loopback`, {
      hint: "Say where the node that is started listens, as http://127.0.0.1:8545",
    });
  }
  if (chain === undefined) return;
  const name = FAMILY_NAMES.find((one) => one === chain && one !== "http");
  if (name !== undefined) return void familyOf(name);
  const known = FAMILY_NAMES.filter((one) => one !== "http").join(", ");
  throw new BtmError("BAD_OPTION", `Cannot use the chain ${show(chain)}: expected ${known}`);
}

/**
 * @param marked the family that the mark of the snapshot tells
 * @throws BtmError BAD_OPTION
 */
export function checkMarkedFamily({ chain }: FollowOptions, marked: string | undefined): void {
  if (chain !== undefined || marked !== "http") return;
  throw new BtmError("BAD_OPTION", "Cannot ask a node of the family http where it stands", {
    hint: "--chain says of what family it is; without --follow the command itself is the check",
  });
}

export function jobOf(options: CommandOptions, where: Surroundings, node: NodeJob | null): Job {
  const { path, live = null, name, height } = where;
  const { env = process.env, folder = process.cwd(), timeoutMs = TIMEOUT_MS, writable = [] } = options;
  const inherited = Object.entries(env).flatMap(([key, value]) => {
    return value === undefined || OURS.includes(key) ? [] : [`${key}=${value}`];
  });
  const own = { BTM_PATH: path, BTM_HEIGHT: String(height), BTM_VOLUME: name };
  // Services of systemd have none, and the wrappers of some nodes make a folder there: that /tmp is its own.
  const home = inherited.some((line) => line.startsWith("HOME=")) ? [] : ["HOME=/tmp"];
  return {
    command: options.command.map((word) => word.replaceAll("{path}", path)),
    // The last of two of one name counts for some, the first for others.
    env: [
      ...home,
      ...inherited.filter((line) => !Object.keys(own).some((key) => line.startsWith(`${key}=`))),
      ...Object.entries(own).map(([key, value]) => `${key}=${value}`),
    ],
    folder,
    path,
    live,
    writable: [...writable],
    timeoutMs,
    stopMs: STOP_MS,
    node,
  };
}

export function nodeJobOf(
  follow: FollowOptions,
  path: string,
  family: string | undefined,
  wanted: NodeJob["wanted"],
): NodeJob {
  const { url, chain, cookieFile } = follow;
  return {
    url,
    family: chain ?? family ?? null,
    // One in the live volume is found in the copy, which is shown there.
    cookieFile: cookieFile === undefined ? null : isAbsolute(cookieFile) ? cookieFile : join(path, cookieFile),
    wanted,
  };
}
