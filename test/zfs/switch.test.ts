import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { describe, expect, it } from "vitest";

import { Btm } from "../../src/index.ts";
import { CountingZfs } from "../support/counting-zfs.ts";
import { failureOf } from "../support/expect-code.ts";
import { makeSnapshots } from "../support/many-snapshots.ts";
import { mapFile, readMapped } from "../support/mapped.ts";
import { run } from "../support/run.ts";
import { zfsVolume } from "../support/zfs-volumes.ts";
import { type Dataset, mountsOf, zfs, zfsSuite } from "../support/zfs-suite.ts";

const suite = zfsSuite();

async function grow(volume: Dataset, heights: readonly number[]): Promise<Btm> {
  const btm = new Btm({ volume: volume.dataset, itv: 10 });
  for (const height of heights) {
    volume.write("height", String(height));
    await btm.snapshot(height, { force: true });
  }
  volume.write("height", "live");
  return btm;
}

/** What is set on it, what is granted on it, and where it is mounted how. What is btm's own is not told. */
async function settingsOf({ dataset }: Dataset): Promise<string> {
  const set = await zfs("get", "-Hp", "-s", "local,received", "-o", "property,value", "all", dataset);
  const lines = set.split("\n").filter((line) => !line.startsWith("btm:"));
  return [
    ...lines.sort(),
    await zfs("allow", dataset),
    ...mountsOf(dataset).filter((line) => !line.includes("@")),
  ].join("\n");
}

async function staysTheSame(volume: Dataset): Promise<void> {
  const btm = await grow(volume, [0, 10]);
  const before = await settingsOf(volume);
  expect((await btm.rollback(0)).warnings).toEqual([]);
  expect(await settingsOf(volume), "rolled back").toBe(before);
  expect((await btm.undo()).warnings).toEqual([]);
  expect(await settingsOf(volume), "undone").toBe(before);
}

describe("what is set on a dataset is as before, after a rollback and after its undo", () => {
  it("properties of all kinds, limits and what others may do", async () => {
    const volume = await suite.fresh([
      "quota=100M",
      "refquota=80M",
      "reservation=5M",
      "refreservation=4M",
      "recordsize=16K",
      "atime=off",
      "snapdir=visible",
      "org.example:words=two\nlines, a\ttab, \"quotes\", 'others' and \\ more",
      "org.example:empty=",
    ]);
    const { dataset } = volume;
    await zfs("allow", "-u", "daemon", "snapshot,hold", dataset);
    await zfs("allow", "-g", "daemon", "send", dataset);
    await zfs("allow", "-e", "mount", dataset);
    await zfs("allow", "-s", "@keepers", "snapshot,bookmark", dataset);
    await zfs("allow", "-l", "-u", "nobody", "@keepers", dataset);
    await zfs("allow", "-d", "-u", "nobody", "rollback", dataset);
    await zfs("allow", "-c", "destroy", dataset);
    await staysTheSame(volume);
  });

  it.each(["on", "noauto"])("canmount=%s", async (canmount) => {
    const volume = await suite.fresh([`canmount=${canmount}`]);
    if (canmount !== "on") await zfs("mount", volume.dataset);
    await staysTheSame(volume);
  });

  it("a mount point that is inherited", async () => {
    const parent = await suite.fresh();
    const dataset = `${parent.dataset}/inner`;
    await zfs("create", dataset);
    const path = join(parent.path, "inner");
    const write = (file: string, text: string): void => {
      writeFileSync(join(path, file), text);
    };
    await staysTheSame({ ...parent, dataset, path, write });
  });

  it("a legacy mount point, with options of its own", async () => {
    const volume = await suite.fresh();
    await zfs("set", "mountpoint=legacy", volume.dataset);
    mkdirSync(volume.path, { recursive: true });
    await run("mount", ["-t", "zfs", "-o", "noatime,nosuid", "--", volume.dataset, volume.path]);
    await staysTheSame(volume);
  });
});

describe("an encrypted one", () => {
  const encrypted = (): string[] => {
    const key = join(suite.pool.folder, "key");
    writeFileSync(key, "a passphrase\n");
    return ["encryption=on", "keyformat=passphrase", `keylocation=file://${key}`, "pbkdf2iters=100000"];
  };

  async function comesBack(volume: Dataset): Promise<void> {
    const btm = await grow(volume, [0, 10]);
    const root = await zfs("get", "-H", "-o", "value", "encryptionroot", volume.dataset);
    for (const [deed, content] of [
      ["rollback", "0"],
      ["undo", "live"],
    ] as const) {
      const { warnings } = deed === "undo" ? await btm.undo() : await btm.rollback(0);
      expect(warnings, deed).toEqual([]);
      expect(volume.read("height"), deed).toBe(content);
      expect(await zfs("get", "-H", "-o", "value", "encryptionroot,keystatus", volume.dataset), deed).toBe(
        `${root}available\n`,
      );
      await zfs("unmount", volume.dataset);
      await zfs("mount", volume.dataset);
      expect(volume.read("height"), `${deed}, mounted again`).toBe(content);
    }
    // With all that is below it.
    await zfs("unmount", root.trim());
    await zfs("unload-key", root.trim());
    await failureOf(btm.rollback(0), "SIGNER_STATE");
    expect(mountsOf(volume.dataset)).toEqual([]);
  }

  it("that is its own encryption root", async () => {
    await comesBack(await suite.fresh(encrypted()));
  });

  it("that inherits it", async () => {
    const parent = await suite.fresh(encrypted());
    const dataset = `${parent.dataset}/inner`;
    const path = join(suite.pool.mounts, "inner encrypted");
    await zfs("create", "-o", `mountpoint=${path}`, dataset);
    await comesBack({ ...zfsVolume(dataset, path, "name"), dataset });
  });
});

it("what a signer writes between the carrying over and the unmount is not lost: nothing is changed", async () => {
  const volume = await suite.fresh();
  const file = "priv_validator_state.json";
  volume.write(file, "signed 100");
  const btm = await grow(volume, [0, 10]);
  const before = await btm.list();
  for (const [preserve, at] of [
    [[file], "carry"],
    [[], "name origin"],
  ] as const) {
    volume.write(file, "signed 100");
    const late = new Btm(
      { volume: volume.volume },
      {
        onStep: (step, when) => {
          if (step === at && when === "after") volume.write(file, "signed 101");
        },
      },
    );
    const { message } = await failureOf(late.rollback(0, { preserve }), "SIGNER_STATE");
    expect(message).toContain("meanwhile something has signed");
    expect(volume.read(file)).toBe("signed 101");
    expect(volume.read("height")).toBe("live");
    expect([await btm.list(), await btm.undoPoints()]).toEqual([before, []]);
  }
  await btm.rollback(0, { preserve: [file] });
  expect(volume.read(file)).toBe("signed 101");
});

it("a file that was mapped before a forced rollback shows what it held, and one mapped after it what came", async () => {
  const volume = await suite.fresh();
  const btm = await grow(volume, [0, 10]);
  const content = (word: string): string => word.repeat(2000);
  volume.write("mapped", content("old "));
  await btm.snapshot(20);
  volume.write("mapped", content("new "));
  const file = join(volume.path, "mapped");
  const mapping = mapFile(file);
  try {
    await btm.rollback(20, { force: true });
    expect(readMapped(file)).toBe(content("old "));
    expect(mapping.read()).toBe(content("new "));
  } finally {
    mapping.close();
  }
  await btm.undo();
  expect(readMapped(file)).toBe(content("new "));
});

it("a rollback and its undo take the same number of commands, however many snapshots are newer", async () => {
  const counting = await CountingZfs.make(suite.pool.folder);
  const counts: (readonly string[])[] = [];
  for (const many of [2, 20]) {
    const volume = await suite.fresh();
    await makeSnapshots(
      volume.dataset,
      Array.from({ length: many + 1 }, (_, i) => i),
    );
    const btm = new Btm({ volume: volume.dataset }, { zfsCommand: counting.command });
    counting.calls();
    expect((await btm.rollback(0)).moved).toHaveLength(many);
    await btm.undo();
    counts.push(counting.calls());
  }
  expect(counts[1]).toEqual(counts[0]);
});

it("a snapshot that is shown below .zfs can be rolled back to", async () => {
  const volume = await suite.fresh();
  const btm = await grow(volume, [0, 10]);
  expect(volume.readAt(0, "height")).toBe("0");
  await btm.rollback(0, { preserve: ["height"] });
  expect(volume.read("height")).toBe("live");
});
