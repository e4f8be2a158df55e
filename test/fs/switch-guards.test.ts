import { execFileSync } from "node:child_process";
import { chownSync, mkdirSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";

import { Btm } from "../../src/index.ts";
import { BtrfsImage } from "../support/btrfs-image.ts";
import { failureOf } from "../support/expect-code.ts";
import { Operators } from "../support/operators.ts";
import { run } from "../support/run.ts";
import { sleeper } from "../support/sleeper.ts";
import { btrfsVolume, type TestVolume } from "../support/volumes.ts";

const operators = new Operators();
let image: BtrfsImage;
let made = 0;
let volume: TestVolume;
let btm: Btm;
beforeAll(async () => {
  image = await BtrfsImage.make();
});
afterAll(async () => {
  await operators.close();
  await image.dispose();
});
beforeEach(async () => {
  volume = await makeVolume();
  btm = new Btm({ volume: volume.volume, itv: 1 });
});

async function makeVolume(): Promise<TestVolume> {
  const fresh = await btrfsVolume(image, `guarded${String(made++)}`, { isMounted: false });
  const its = new Btm({ volume: fresh.volume, itv: 1 });
  for (const height of [5, 6, 7]) {
    fresh.write("height", String(height));
    await its.snapshot(height);
  }
  fresh.write("height", "live");
  return fresh;
}

it("an undo point that a process works in is not brought back from under it", async () => {
  await btm.rollback(6);
  const process = await sleeper({ cwd: volume.undoPath(1) });
  try {
    const { message, hint } = await failureOf(btm.undo(), "BLOCKED");
    expect(message).toContain(`process ${String(process.pid)} `);
    expect(hint).toContain("undo point");
  } finally {
    await process.end();
  }
  await btm.undo();
  expect(volume.read("height")).toBe("live");
});

it("a state that somebody put there by hand after a kill stays, and no snapshot is moved or destroyed for it", async () => {
  const operation = { kind: "rollback", height: 5, discardNewer: true } as const;
  const { steps } = await operators.run({ volume: (await makeVolume()).volume, operation });
  const killAt = steps.indexOf("before exchange");
  expect(await operators.run({ volume: volume.volume, operation, killAt })).toMatchObject({ wasKilled: true });
  renameSync(volume.path, `${volume.path}.broken`);
  await run("btrfs", ["subvolume", "snapshot", "--", volume.snapshotPath(7), volume.path]);
  const { recovered } = await btm.snapshot(8);
  expect(recovered.join()).toContain("Gave up the interrupted rollback to 5");
  expect((await btm.list()).map(({ height }) => Number(height))).toEqual([5, 6, 7, 8]);
  expect(volume.read("height")).toBe("7");
  expect((await btm.recover()).recovered).toEqual([]);
  await btm.rollback(6);
  await btm.undo();
  expect(volume.read("height")).toBe("7");
});

it("what a signer writes between the carrying over and the switch is not lost: nothing is changed", async () => {
  const file = "data/priv_validator_state.json";
  mkdirSync(join(volume.path, "data"));
  volume.write(file, "signed 100");
  await btm.snapshot(9);
  const late = new Btm(
    { volume: volume.volume },
    {
      onStep: (step, when) => {
        // As a remote signer does: written beside, and renamed.
        if (step !== "carry files" || when !== "after") return;
        volume.write(`${file}.new`, "signed 101");
        renameSync(join(volume.path, `${file}.new`), join(volume.path, file));
      },
    },
  );
  const { message } = await failureOf(late.rollback(9, { preserve: [file] }), "SIGNER_STATE");
  expect(message).toContain("meanwhile something has signed");
  expect(volume.read(file)).toBe("signed 101");
  expect(await btm.undoPoints()).toEqual([]);
  await btm.rollback(9, { preserve: [file] });
  expect(volume.read(file)).toBe("signed 101");
});

it("what lies beside the volume counts only when it is root's", async () => {
  await btm.pin(6);
  const aside = `${volume.path}.btm`;
  renameSync(aside, `${aside}.away`);
  execFileSync("cp", ["-a", "--", `${aside}.away`, aside]);
  chownSync(aside, 65_534, 65_534);
  expect((await btm.list()).map(({ pinned }) => pinned)).toEqual([false, false, false]);
  await failureOf(btm.rollback(5), "BLOCKED");
});

it("a clone is opened and closed at a path with a slash at its end, and through a link", async () => {
  const real = join(image.folder, "of clones");
  mkdirSync(real);
  execFileSync("ln", ["-s", real, join(image.folder, "link")]);
  for (const at of [`${real}/one/`, join(image.folder, "link", "two"), `${real}/x/../three`]) {
    const { path } = await btm.open(6, { at });
    expect(path?.startsWith(real) && !path.endsWith("/")).toBe(true);
    expect((await btm.clones()).map((clone) => clone.path)).toEqual([path]);
    await btm.close(6);
  }
  writeFileSync(join(real, "nothing is left"), "");
});
