/**
 * The helper of a check: process 1 of namespaces of its own. When it ends the kernel kills everything in them, and it
 * ends when btm does: the kernel kills it (PR_SET_PDEATHSIG), and the pipe whose end it holds tells it as well.
 */
import { existsSync, openSync, readFileSync, writeSync } from "node:fs";
import { setTimeout } from "node:timers/promises";

import { parseNodeUrl } from "../chain/node-client.ts";
import { listeningPorts } from "../sys/listening-ports.ts";
import { keepForPolling, readIfAny } from "../sys/isolation.ts";
import { escapeText, quote } from "../text.ts";
import { type Answer, type Job, parseJob, type Report } from "./job.ts";
import { isBelow } from "./meeting-places.ts";
import { findProgram } from "./program.ts";
import { HeadReader } from "./read-head.ts";
import { furnish } from "./room.ts";
import { WatchedProcess } from "./watched-process.ts";

/** The end of a pipe whose other end btm has. */
const LIFELINE = 3;
const LOOK_MS = 25;

/** Reads a job from stdin, does it, and writes its report to stdout. */
export async function checkInside(): Promise<void> {
  const job = parseJob(readFileSync(0, "utf8"));
  keepForPolling(LIFELINE);
  const bytes = Buffer.from(JSON.stringify(await reportOf(job)));
  for (let at = 0; at < bytes.length;) at += writeSync(1, bytes, at);
}

async function reportOf(job: Job): Promise<Report> {
  const [name = "", ...args] = job.command;
  const path = job.env.find((line) => line.startsWith("PATH="))?.slice("PATH=".length) ?? "";
  let warnings: string[];
  try {
    const file = findProgram(name, path, job.folder);
    // Services have their sockets below /run, and one of them may be where btm was called.
    const isMeeting = job.folder === "/run" || isBelow(job.folder, "/run");
    warnings = furnish(job, [...(file === undefined ? [] : [file]), ...(isMeeting ? [] : [job.folder])]);
  } catch (error) {
    return { answer: { kind: "no-room", why: textOf(error) }, warnings: [] };
  }
  const folder = existsSync(job.folder) ? job.folder : "/";
  const file = findProgram(name, path, folder);
  if (file === undefined)
    return { answer: { kind: "not-started", why: `there is no program ${quote(name)}` }, warnings };
  let started: WatchedProcess;
  try {
    started = await WatchedProcess.start({ file, args, env: job.env, folder }, openSync("/dev/null", "r"));
  } catch (error) {
    return { answer: { kind: "not-started", why: textOf(error) }, warnings };
  }
  return { answer: await answerOf(job, started), warnings };
}

async function answerOf(job: Job, started: WatchedProcess): Promise<Answer> {
  const start = performance.now();
  const reader = job.node === null ? undefined : new HeadReader(job.node);
  let answer: Answer | undefined;
  while (answer === undefined) {
    await setTimeout(LOOK_MS);
    endIfAlone();
    started.look();
    answer = answerNow(job, started, reader, start);
  }
  await reader?.close();
  if (answer.kind === "answered") await askToEnd(started, job.stopMs);
  return answer;
}

function answerNow(
  job: Job,
  { ended, isAllGone, said }: WatchedProcess,
  reader: HeadReader | undefined,
  start: number,
): Answer | undefined {
  const now = performance.now();
  const ran = { said, seconds: Math.round(now - start) / 1000 };
  if (reader?.head !== undefined) {
    const { height, hash = null, chain = null, family, hashOf = null } = reader.head;
    const seconds = Math.round((reader.answeredAt ?? now) - start) / 1000;
    return { kind: "answered", said, seconds, height: String(height), hash, chain, family, hashOf };
  }
  // One that goes on in the background ends well itself: then its children are waited for.
  const isOver = reader === undefined || ended?.status !== 0 || isAllGone;
  if (ended !== undefined && isOver) {
    return { kind: "ended", ...ran, status: ended.status, signal: ended.signal ?? null };
  }
  if (now - start < job.timeoutMs) return undefined;
  const { why = null, lacks } = reader ?? {};
  if (job.node === null) return { kind: "silent", ...ran, why, isDenied: false, listensElsewhere: [] };
  const ports = listeningPorts();
  const listens = ports.includes(portOf(parseNodeUrl(job.node.url)));
  // One that came to no cookie before it hung listens nowhere yet.
  const isDenied = lacks === "credentials" || (lacks === "cookie" && listens);
  return { kind: "silent", ...ran, why, isDenied, listensElsewhere: listens ? [] : ports };
}

/** Politely: what it has started elsewhere, as a client of a container service does, it can end only itself. */
async function askToEnd(started: WatchedProcess, limitMs: number): Promise<void> {
  started.askToEnd();
  const start = performance.now();
  while (!started.isAllGone && performance.now() - start < limitMs) {
    await setTimeout(LOOK_MS);
    endIfAlone();
    started.look();
  }
}

function portOf({ port, protocol }: URL): number {
  return port === "" ? (protocol === "https:" ? 443 : 80) : Number(port);
}

function endIfAlone(): void {
  if (readIfAny(LIFELINE, Buffer.alloc(1)) !== undefined) process.exit(1);
}

function textOf(error: unknown): string {
  return escapeText(error instanceof Error ? error.message : String(error));
}
