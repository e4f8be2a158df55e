import { request } from "node:http";
import { text } from "node:stream/consumers";
import * as v from "valibot";

import type { BtmCfg } from "../cfg.ts";
import type { Snapshot } from "../driver/driver.ts";
import { BtmError, type BtmErrorCode, exitStatusOf, isBtmError, throwIfAborted } from "../errors.ts";
import type { Height } from "../height.ts";
import type { SnapshotResult } from "../results.ts";
import { escapeText, quote } from "../text.ts";
import { errorForm, listForm, snapshotOf, takenForm } from "./protocol.ts";

type Target = Pick<BtmCfg, "volume" | "socket">;

/** Asks the daemon for a snapshot. What it has not done in time it answers as "pending", and goes on with. */
export async function askSnapshot(
  { volume, socket }: Target,
  height: Height,
  signal: AbortSignal | undefined,
): Promise<SnapshotResult> {
  const body = JSON.stringify({ height: String(height) });
  const answer = await ask(`take a snapshot of ${quote(volume)}`, socket, "POST", pathOf(volume), body, signal);
  const { taken, reason, last, winner, pruned } = read(takenForm, answer, socket);
  return {
    taken,
    height,
    reason,
    last: last ?? undefined,
    ...(winner === null ? {} : { winner }),
    pruned,
    failed: [],
    recovered: [],
    dryRun: false,
  };
}

/** Asks the daemon for what there is. */
export async function askList({ volume, socket }: Target, signal: AbortSignal | undefined): Promise<Snapshot[]> {
  const answer = await ask(`list ${quote(volume)}`, socket, "GET", pathOf(volume), undefined, signal);
  return read(listForm, answer, socket).snapshots.map(snapshotOf);
}

function pathOf(volume: string): string {
  return `/v1/volumes/${encodeURIComponent(volume)}/snapshots`;
}

async function ask(
  what: string,
  socketPath: string,
  method: "GET" | "POST",
  path: string,
  body: string | undefined,
  signal: AbortSignal | undefined,
): Promise<string> {
  throwIfAborted(signal);
  try {
    const { status, answer } = await exchange(socketPath, method, path, body, signal);
    if (status === 200 || status === 202) return answer;
    throw failureIn(answer, what, status, socketPath);
  } catch (error) {
    throwIfAborted(signal);
    throw isBtmError(error) ? error : explained(error, what, socketPath);
  }
}

async function exchange(
  socketPath: string,
  method: "GET" | "POST",
  path: string,
  body: string | undefined,
  signal: AbortSignal | undefined,
): Promise<{ readonly status: number; readonly answer: string }> {
  const timeout = AbortSignal.timeout(ANSWER_MS);
  const call = request({
    socketPath,
    method,
    path,
    // One request, one connection: a process that asks once must end by itself.
    agent: false,
    headers:
      body === undefined ? {} : { "content-type": "application/json", "content-length": Buffer.byteLength(body) },
    signal: signal === undefined ? timeout : AbortSignal.any([signal, timeout]),
  });
  const { promise, resolve, reject } = Promise.withResolvers<Awaited<ReturnType<typeof exchange>>>();
  call.on("error", reject).on("response", (response) => {
    text(response).then((answer) => {
      resolve({ status: response.statusCode ?? 0, answer });
    }, reject);
  });
  call.end(body);
  try {
    return await promise;
  } catch (error) {
    if (!timeout.aborted) throw error;
    throw new BtmError("TIMED_OUT", `No answer of the daemon within ${String(ANSWER_MS / 1000)} s`, {
      hint: "systemctl status btm-daemon",
      cause: error,
    });
  }
}

/** The daemon answers after 10 s at the latest. */
const ANSWER_MS = 30_000;

function failureIn(answer: string, what: string, status: number, socket: string): BtmError {
  const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), errorForm), answer);
  if (!parsed.success) return notOurs(socket, `status ${String(status)} to the request to ${what}`);
  const { code, message, hint } = parsed.output;
  // A newer daemon may know a code that we do not.
  const known: BtmErrorCode = Object.hasOwn(exitStatusOf, code) ? (code as BtmErrorCode) : "SYSTEM_ERROR";
  return new BtmError(known, escapeText(message), hint === null ? {} : { hint: escapeText(hint) });
}

function read<T>(form: v.GenericSchema<unknown, T>, answer: string, socket: string): T {
  const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), form), answer);
  if (parsed.success) return parsed.output;
  throw notOurs(socket, escapeText(parsed.issues[0].message));
}

function notOurs(socket: string, what: string): BtmError {
  return new BtmError("SYSTEM_ERROR", `The answer on ${quote(socket)} is none of a btm daemon: ${what}`, {
    hint: "Is it another program's socket?",
  });
}

function explained(error: unknown, what: string, socket: string): BtmError {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  const where = `the daemon's socket ${quote(socket)}`;
  if (code === "EACCES" || code === "EPERM") {
    return new BtmError("PERMISSION_DENIED", `Cannot ${what}: ${where} is not open to this user`, {
      hint: "Put the user into the group btm: usermod -aG btm USER, and log in again; is there none, groupadd --system btm first, and restart the daemon",
      cause: error,
    });
  }
  const why =
    code === "ENOENT" || code === "FailedToOpenSocket"
      ? `${where} is not there`
      : code === "ECONNREFUSED"
        ? `nobody listens on ${where}`
        : `${where} gave no answer: ${escapeText(code === "" ? String(error) : code)}`;
  return new BtmError("DAEMON_UNREACHABLE", `Cannot ${what}: ${why}`, {
    hint: "systemctl status btm-daemon shows whether it runs",
    cause: error,
  });
}
