import { afterEach, beforeEach, expect, it, vi } from "vitest";

import type { Snapshot } from "../driver/driver.ts";
import { BtmError } from "../errors.ts";
import { isTaken, type UnitCommand, type UnitEnd } from "../quiesce/in-unit.ts";
import { parseConfig } from "./config-file.ts";
import { Log } from "./log.ts";
import { Verification } from "./verification.ts";

const MINUTE = 60_000;
const CONFIG = `[volumes.node]
volume = "/data"
follow = "http://127.0.0.1:1"
cookie = ".cookie"
verify = "weekly"
verify_command = ["/usr/bin/node", "--data={path}"]
`;
let lines: string[];
let asked: UnitCommand[];

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["Date", "performance"] });
  [lines, asked] = [[], []];
});
afterEach(() => {
  vi.useRealTimers();
});

function verification(
  run: (command: UnitCommand) => Promise<UnitEnd>,
  end: (unit: string) => Promise<void> = () => Promise.resolve(),
): Verification {
  const [volume] = parseConfig(CONFIG, "btm.toml").volumes;
  if (volume?.verify === undefined) throw new Error("There is no verification");
  const log = new Log({ write: (line) => lines.push(line), isJournal: true, now: () => new Date() });
  const asking = (command: UnitCommand): Promise<UnitEnd> => {
    asked.push(command);
    return run(command);
  };
  return new Verification(volume, volume.verify, log, asking, end);
}

const snapshots = (): Promise<readonly Snapshot[]> =>
  Promise.resolve([{ height: 7n, uuid: "a", mark: {} } as unknown as Snapshot]);

async function tick(one: Verification, later = 0): Promise<void> {
  vi.advanceTimersByTime(later);
  await one.tick(snapshots);
  await new Promise(setImmediate);
}

it("waits for one that is under way since before it was started, and raises no alarm", async () => {
  const ends: UnitEnd[] = ["runs-already", "runs-already", { status: 0, stderr: "" }];
  const one = verification(() => Promise.resolve(ends.shift() ?? { status: 1, stderr: "too often" }));
  await tick(one);
  expect(one.isRunning).toBe(true);
  await tick(one, MINUTE / 2);
  expect(asked).toHaveLength(1);
  await tick(one, MINUTE);
  expect([asked.length, one.isRunning]).toEqual([2, true]);
  await tick(one, MINUTE);
  expect([asked.length, one.isRunning]).toEqual([3, false]);
  expect(lines.join("\n")).not.toContain("ALARM");
  expect(lines.filter((line) => line.includes("is under way already"))).toHaveLength(1);
  // No proof is there, and it is tried again after an hour.
  await tick(one, 10 * MINUTE);
  expect(asked).toHaveLength(3);
  await tick(one, 60 * MINUTE);
  expect(asked).toHaveLength(4);
  expect(lines.join("\n")).toContain("ALARM: the snapshot at 7: too often");
});

it("stops waiting for one that runs, and starts none any more", async () => {
  const one = verification(({ signal }) => {
    return new Promise((_resolve, reject) => {
      signal.addEventListener("abort", () => {
        reject(new BtmError("ABORTED", "Stopped"));
      });
    });
  });
  await tick(one);
  expect(one.isRunning).toBe(true);
  await one.stop();
  expect(one.isRunning).toBe(false);
  await tick(one, 120 * MINUTE);
  expect(asked).toHaveLength(1);
  expect(lines.join("\n")).not.toMatch(/ALARM|cannot/);
});

it("knows from systemd-run that a unit of the name is there", () => {
  const start = "Failed to start transient service unit: Unit btm-verify-node.service";
  expect(isTaken(1, `${start} was already loaded or has a fragment file.\n`)).toBe(true);
  expect(isTaken(1, `${start} already exists.`)).toBe(true);
  expect(isTaken(1, "Failed to start transient service unit: Access denied")).toBe(false);
  expect(isTaken(10, `btm: the node said: ${start} already exists`)).toBe(false);
});

it("is not begun while space is short, and ended when it becomes so", async () => {
  const { promise, resolve } = Promise.withResolvers<UnitEnd>();
  const ended: string[] = [];
  const one = verification(
    ({ signal }) => {
      signal.addEventListener("abort", () => {
        resolve({ status: 143, stderr: "btm: ended" });
      });
      return promise;
    },
    (unit) => Promise.resolve(void ended.push(unit)),
  );
  await one.tick(snapshots, false);
  expect([asked.length, await one.giveWay()]).toEqual([0, false]);
  await tick(one, MINUTE);
  expect([asked.length, one.isRunning]).toEqual([1, true]);
  expect(await one.giveWay()).toBe(true);
  expect([ended, one.isRunning]).toEqual([["btm-verify-node.service"], false]);
  expect(lines.join("")).toContain("tried again in an hour: space is short");
  expect(lines.join("")).not.toContain("ALARM");
  await tick(one, MINUTE * 30);
  expect(asked).toHaveLength(1);
  await tick(one, MINUTE * 31);
  expect(asked).toHaveLength(2);
});
