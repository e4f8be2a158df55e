import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { connect } from "node:net";
import { dirname, join } from "node:path";
import { setTimeout } from "node:timers/promises";

import { withImage } from "../lib/image.ts";
import { figure, type Line, type Row } from "../lib/row.ts";
import { quantile } from "../lib/statistics.ts";

const CLIENTS = 1000;
const REQUESTS = 100_000;
const PER_SECOND = 1000;
const SECONDS = 20;
const IDLE_MS = 10_000;
const IDLE_ROUNDS = 3;
/** What the start leaves to do is done: bun collects garbage each second for half a minute, then each half minute. */
const SETTLE_MS = 60_000;

export const daemon: Row = {
  name: "daemon",
  title: "The daemon under load, and idle",
  run: (tools) =>
    withImage(async ({ volume }) => {
      const socket = join(dirname(volume), "..", "btm.sock");
      const args = ["daemon", "-p", volume, "-i", "1000000", "-c", "100", "--socket", socket];
      const child = spawn(tools.executable, args, { stdio: "ignore" });
      try {
        while (!existsSync(socket)) await setTimeout(20);
        const idle = await idleLines(child);
        // So that nothing that is asked below is due.
        await ask(await open(socket), 0);
        return [...(await manyClients(socket)), await steadyRate(socket), ...idle];
      } finally {
        child.kill("SIGKILL");
        await once(child, "exit");
      }
    }),
};

async function idleLines(child: ChildProcess): Promise<Line[]> {
  await setTimeout(SETTLE_MS);
  const wakeUps: number[] = [];
  for (let round = 0; round < IDLE_ROUNDS; round++) {
    const before = switches(child);
    await setTimeout(IDLE_MS);
    wakeUps.push((switches(child) - before) / (IDLE_MS / 1000));
  }
  const resident = Number(/^VmRSS:\s+(\d+)/m.exec(statusOf(child))?.[1]) * 1024;
  return [
    {
      what: "resident memory of the idle daemon",
      unit: "MB",
      ours: figure([resident / 1e6]),
      target: { kind: "at-most", value: 60 },
    },
    {
      what: "its wake-ups per second, all threads",
      unit: "per second",
      ours: figure(wakeUps),
      target: { kind: "at-most", value: 1 },
    },
  ];
}

/** Each asks again when it has its answer. */
async function manyClients(socket: string): Promise<Line[]> {
  const connections = await Promise.all(Array.from({ length: CLIENTS }, () => open(socket)));
  const latencies: number[] = [];
  const begin = performance.now();
  await Promise.all(
    connections.map(async (connection) => {
      for (let i = 0; i < REQUESTS / CLIENTS; i++) latencies.push(await ask(connection, 1));
      connection.end();
    }),
  );
  const perSecond = latencies.length / ((performance.now() - begin) / 1000);
  const what = "1,000 clients, 100,000 requests in all, none failed";
  return [
    { what: `${what}: p50`, unit: "ms", ours: figure([quantile(latencies, 0.5)]) },
    { what: `${what}: p99`, unit: "ms", ours: figure([quantile(latencies, 0.99)]) },
    { what: `${what}: throughput`, unit: "requests/s", ours: figure([perSecond]) },
  ];
}

/** At a set pace, whether the one before is answered or not: a wait counts for all that come meanwhile. */
async function steadyRate(socket: string): Promise<Line> {
  const connections = await Promise.all(Array.from({ length: 50 }, () => open(socket)));
  const seconds: number[] = [];
  for (let second = 0; second < SECONDS; second++) {
    const latencies: Promise<number>[] = [];
    const begin = performance.now();
    while (latencies.length < PER_SECOND) {
      const due = begin + (latencies.length * 1000) / PER_SECOND;
      if (performance.now() < due) {
        await setTimeout(1);
        continue;
      }
      const connection = connections.shift() ?? (await open(socket));
      latencies.push(
        ask(connection, 1).then(() => {
          connections.push(connection);
          return performance.now() - due;
        }),
      );
    }
    seconds.push(quantile(await Promise.all(latencies), 0.99));
  }
  for (const connection of connections) connection.end();
  return {
    what: "heights that are not due, 1,000 requests a second: p99",
    unit: "ms",
    ours: figure(seconds),
    target: { kind: "at-most", value: 5 },
  };
}

type Connection = ReturnType<typeof connect>;

async function open(socket: string): Promise<Connection> {
  const connection = connect(socket);
  await once(connection, "connect");
  return connection;
}

/** Written by hand: a client of Node takes more time than the daemon. Fails at any other answer. @returns milliseconds */
async function ask(connection: Connection, height: number): Promise<number> {
  const body = `{"height":${String(height)}}`;
  const length = String(body.length);
  const begin = performance.now();
  const { promise, resolve, reject } = Promise.withResolvers<undefined>();
  const gone = (): void => {
    reject(new Error("The daemon hung up"));
  };
  let answer = "";
  const onData = (chunk: Buffer): void => {
    answer += chunk.toString("latin1");
    if (!answer.endsWith("}\n")) return;
    if (answer.startsWith("HTTP/1.1 200 ")) resolve(undefined);
    else reject(new Error(answer));
  };
  connection.on("data", onData).once("close", gone);
  connection.write(`POST /v1/volumes/data/snapshots HTTP/1.1\r\nHost: btm\r\nContent-Length: ${length}\r\n\r\n${body}`);
  await promise;
  connection.off("data", onData).off("close", gone);
  return performance.now() - begin;
}

function statusOf({ pid }: ChildProcess, thread?: string): string {
  return readFileSync(`/proc/${String(pid)}/${thread === undefined ? "" : `task/${thread}/`}status`, "utf8");
}

/** How often its threads have gone to sleep: as often they were woken. */
function switches(child: ChildProcess): number {
  return readdirSync(`/proc/${String(child.pid)}/task`)
    .map((thread) => Number(/^voluntary_ctxt_switches:\s+(\d+)/m.exec(statusOf(child, thread))?.[1]))
    .reduce((sum, n) => sum + n, 0);
}
