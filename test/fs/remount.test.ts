import { mkdirSync } from "node:fs";
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { Btm, type StepObserver } from "../../src/index.ts";
import { type Mount, readMounts } from "../../src/sys/mounts.ts";
import { BtrfsImage } from "../support/btrfs-image.ts";
import { failureOf } from "../support/expect-code.ts";
import { Fixture } from "../support/fixture.ts";
import { run } from "../support/run.ts";
import { btrfsVolume, type TestVolume } from "../support/volumes.ts";

let image: BtrfsImage;
beforeAll(async () => {
  image = await BtrfsImage.make();
});
afterAll(() => image.dispose());

const UNSHARE = (propagation: string): string[] => ["unshare", "-m", "--propagation", propagation];

function mountsAt(path: string): Mount[] {
  return readMounts().filter((mount) => mount.mountPoint === path);
}

async function rollBack(volume: TestVolume): Promise<string[]> {
  const steps: string[] = [];
  const onStep: StepObserver = (step, when) => {
    if (when === "after") steps.push(step);
  };
  const btm = new Btm({ volume: volume.path }, { onStep });
  volume.write("db", "ten");
  await btm.snapshot(10);
  volume.write("db", "later");
  await btm.rollback(10);
  return steps;
}

describe("a volume that is a mount point has, after a rollback,", () => {
  it.each([
    { name: "plain", options: [] },
    { name: "hardened", options: ["nosuid", "nodev", "noexec", "noatime"] },
    { name: "strict", options: ["strictatime", "nodiratime", "nosymfollow"] },
    { name: "tuned", options: ["relatime", "compress=zstd:3", "commit=60"] },
  ])("one mount, with the same options: $name", async ({ name, options }) => {
    const volume = await btrfsVolume(image, name, { isMounted: true, mountOptions: options });
    const [before] = mountsAt(volume.path);
    const steps = await rollBack(volume);
    const after = mountsAt(volume.path);
    expect(after).toHaveLength(1);
    const { options: has, root, source, type } = after[0] ?? {};
    expect({ options: has, root, source, type }).toEqual({
      options: before?.options,
      root: before?.root,
      source: before?.source,
      type: before?.type,
    });
    const superOptions = (mount: Mount | undefined): string[] =>
      (mount?.superOptions ?? []).filter((option) => !option.startsWith("subvolid="));
    expect(superOptions(after[0])).toEqual(superOptions(before));
    expect(volume.read("db")).toBe("ten");
    // Linux 6.5 and newer: at no instant is the mount point bare.
    expect(steps).toContain("attach beneath");
  });

  it("what fstab would mount at the next boot, by its name and as the default subvolume", async () => {
    const volume = await btrfsVolume(image, "boot", { isMounted: true });
    await rollBack(volume);
    await run("umount", ["--", volume.path]);
    await image.mountAt("at/boot", "boot/data");
    expect(volume.read("db")).toBe("ten");

    const id = (await run("btrfs", ["inspect-internal", "rootid", volume.path])).trim();
    await run("btrfs", ["subvolume", "set-default", id, image.top]);
    await run("umount", ["--", volume.path]);
    await run("mount", ["--", image.device, volume.path]);
    volume.write("db", "newest");
    await new Btm({ volume: volume.path }).rollback(10);
    expect(volume.read("db")).toBe("ten");
    await run("umount", ["--", volume.path]);
    await run("mount", ["--", image.device, volume.path]);
    expect(volume.read("db")).toBe("ten");
    await run("btrfs", ["subvolume", "set-default", "5", image.top]);
  });
});

it("a volume mounted on its own entry cannot be exchanged for another: named before anything is changed", async () => {
  const volume = await btrfsVolume(image, "own", { isMounted: false });
  const btm = new Btm({ volume: volume.path });
  await btm.snapshot(10);
  await run("mount", ["--bind", "--", volume.path, volume.path]);
  const before = volume.everything({ exact: true });
  const { message } = await failureOf(btm.rollback(10), "BLOCKED");
  expect(message).toContain(volume.path);
  expect(volume.everything({ exact: true })).toEqual(before);
  await run("umount", ["--", volume.path]);
  await btm.rollback(10);
});

describe.each(["shared", "private", "slave"])("in a mount namespace with %s propagation", (propagation) => {
  it("a rollback shows in it, and leaves one mount there", async () => {
    const volume = await btrfsVolume(image, `ns-${propagation}`, { isMounted: true });
    volume.write("db", "ten");
    await new Btm({ volume: volume.path }).snapshot(10);
    volume.write("db", "later");
    const inside = new Fixture("elsewhere", { path: volume.path }, { through: UNSHARE(propagation) });
    inside.send("roll back");
    expect(await inside.next()).toEqual({ read: "ten", mounts: 1 });
    await inside.stop();
  });
});

it("a rollback shows in a namespace that receives the mounts of ours", async () => {
  const at = join(image.mounts, "at", "peers");
  mkdirSync(at, { recursive: true });
  await run("mount", ["-t", "tmpfs", "none", at]);
  await run("mount", ["--make-shared", at]);
  const volume = await btrfsVolume(image, "peers/v", { isMounted: true });
  const peer = new Fixture("elsewhere", { path: volume.path }, { through: UNSHARE("slave") });
  volume.write("db", "ten");
  peer.send("look");
  expect(await peer.next()).toEqual({ read: "ten", mounts: 1 });
  await rollBack(volume);
  expect(volume.read("db")).toBe("ten");
  volume.write("db", "after the rollback");
  peer.send("look");
  expect(await peer.next()).toEqual({ read: "after the rollback", mounts: 1 });
  await peer.stop();
});
