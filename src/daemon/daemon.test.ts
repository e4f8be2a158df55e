import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeAll, expect, it } from "vitest";

import { type DaemonConfig } from "./config.ts";
import { parseConfig } from "./config-file.ts";
import { Daemon } from "./daemon.ts";
import { Log } from "./log.ts";

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "btm-daemon-unit-"));
  return () => rm(folder, { recursive: true });
});

/** A daemon whose configuration is there when the gate is opened. */
function made(): { daemon: Daemon; gate: PromiseWithResolvers<undefined>; loads: () => number; lines: string[] } {
  const lines: string[] = [];
  const gate = Promise.withResolvers<undefined>();
  let loads = 0;
  const text = `socket = "${join(folder, "btm.sock")}"\n[volumes.node]\nvolume = "${join(folder, "missing")}"`;
  const load = async (): Promise<DaemonConfig> => {
    loads++;
    await gate.promise;
    return parseConfig(text, "btm.toml");
  };
  const log = new Log({ write: (line) => lines.push(line), isJournal: true, now: () => new Date() });
  return { daemon: new Daemon({ load, log, env: {} }), gate, loads: () => loads, lines };
}

it("reloads after its start when it is told so before the end of it", async () => {
  const { daemon, gate, loads, lines } = made();
  const started = daemon.start();
  const reloaded = daemon.reload();
  expect(loads()).toBe(1);
  gate.resolve(undefined);
  await started;
  await reloaded;
  expect(loads()).toBe(2);
  const listens = lines.findIndex((line) => line.includes("listens on"));
  expect(listens).toBeGreaterThanOrEqual(0);
  expect(lines.findIndex((line) => line.includes("Read the configuration again"))).toBeGreaterThan(listens);
  await daemon.stop();
  await daemon.reload();
  expect(loads()).toBe(2);
});

it("does not reload what could not be started", async () => {
  const { daemon, gate, loads } = made();
  const started = daemon.start();
  const reloaded = daemon.reload();
  gate.reject(new Error("no good"));
  await expect(started).rejects.toThrow("no good");
  await reloaded;
  expect(loads()).toBe(1);
});
