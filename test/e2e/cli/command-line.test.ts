import { beforeAll, beforeEach, describe, expect, it } from "vitest";

import { BtrfsImage } from "../../support/btrfs-image.ts";
import { btm } from "../../support/executable.ts";

let image: BtrfsImage;
let volume: string;

beforeAll(async () => {
  image = await BtrfsImage.make();
  volume = await image.makeSubvolume("blockchain");
  return () => image.dispose();
});

const list = async (): Promise<string[]> => {
  const { stdout } = await btm(["list", `-p=${volume}`, "--json"]);
  const document = JSON.parse(stdout) as { result: { snapshots: { height: string }[] } };
  return document.result.snapshots.map(({ height }) => height);
};

describe("the original's command lines", () => {
  beforeEach(async () => {
    await btm(["undo", "--drop", "--all", "-p", volume]);
    await btm(["clean", "-p", volume]);
    for (const height of ["0", "10", "20"]) await btm(["snapshot", "-p", volume, "-s", height]);
  });

  it("lists", async () => {
    const { status, stdout, stderr } = await btm(["list", "--volume", volume]);
    expect(status).toBe(0);
    expect(stdout.split("\n").map((line) => line.trim().split(/\s+/)[0])).toEqual(["HEIGHT", "0", "10", "20", ""]);
    expect(stderr).toBe(`3 snapshots of ${volume}\n`);
  });

  it("takes the volume from the environment, and the flag before it", async () => {
    expect((await btm(["list"], { env: { BTM_VOLUME: volume } })).status).toBe(0);
    expect((await btm(["list", "-p", "/nowhere"], { env: { BTM_VOLUME: volume } })).status).toBe(3);
    expect((await btm(["list"], { env: { BTM_VOLUME: "" } })).status).toBe(2);
  });

  it.each([
    [["-p"], "20"],
    [["-s", "-1", "-p"], "20"],
    [["-s=-1", "-p"], "20"],
    [["--snapshot-id", "-7", "-p"], "20"],
    [["-Ss", "-1", "-p"], "20"],
    [["-s=10", "-S", "-p"], "10"],
    [["-s10", "-p"], "10"],
    [["--snapshot-id=15", "-p"], "10"],
  ])("rolls back by %j to %s", async (args, height) => {
    const { status, stdout } = await btm(["rollback", ...args, volume]);
    expect(status).toBe(0);
    expect(stdout).toContain(`Rolled back ${volume} to ${height}`);
  });

  it("says which snapshot it used instead of the one that is not there", async () => {
    const { stdout } = await btm(["rollback", "-p", volume, "-s", "19"]);
    expect(stdout).toContain("to 10, the nearest below 19, of which there is no snapshot");
  });

  it("undoes and redoes a rollback, lists what can be undone, and drops it", async () => {
    await btm(["rollback", "-p", volume, "-s", "10"]);
    expect(await list()).toEqual(["0", "10"]);
    expect((await btm(["undo", `-p=${volume}`])).stdout).toContain("btm undo brings it back");
    expect(await list()).toEqual(["0", "10", "20"]);
    const { stdout } = await btm(["undo", "--list", "-p", volume]);
    expect(stdout).toMatch(/^UNDO .*\n +2 .*blockchain\.btm\/undo-2\/live\n$/);
    expect((await btm(["undo", "--drop", "2", "-p", volume])).stdout).toBe(`Dropped undo point 2 of ${volume}\n`);
    expect((await btm(["undo", "-p", volume])).status).toBe(4);
  });

  it("pins with a note, opens and closes, recovers", async () => {
    expect((await btm(["pin", "-p", volume, "-s=10", "--note", "before the upgrade"])).status).toBe(0);
    expect((await btm(["list", "-p", volume])).stdout).toContain("before the upgrade");
    expect((await btm(["unpin", "-p", volume, "-s=10"])).status).toBe(0);
    const { stdout } = await btm(["open", "-p", volume, "-s", "10"]);
    expect(stdout).toBe(`${volume}.btm/open-10\n`);
    expect((await btm(["list", "-p", volume])).stdout).toContain(`Open: 10 at ${volume}.btm/open-10`);
    expect((await btm(["close", "-p", volume, "-s", "10"])).status).toBe(0);
    expect((await btm(["close", "-p", volume, "-s", "10"])).status).toBe(4);
    expect((await btm(["recover", "-p", volume])).status).toBe(0);
  });

  it("cleans all without -k, and all but the newest with it", async () => {
    expect((await btm(["clean", "-p", volume, "-k=2"])).status).toBe(0);
    expect(await list()).toEqual(["10", "20"]);
    expect((await btm(["clean", `-p=${volume}`])).status).toBe(0);
    expect(await list()).toEqual([]);
  });

  it("helps and tells its version", async () => {
    expect(await btm(["--version"])).toMatchObject({
      status: 0,
      stdout: expect.stringMatching(/^btm \d+\.\d+\.\d+\n$/) as string,
    });
    expect((await btm(["-V"])).status).toBe(0);
    for (const args of [["help"], ["-h"], ["--help"], ["help", "rollback"], ["rollback", "-h"]]) {
      const { status, stdout } = await btm(args);
      expect(status, args.join(" ")).toBe(0);
      expect(stdout, args.join(" ")).toContain("Usage: btm");
    }
    expect(await btm([])).toMatchObject({
      status: 2,
      stdout: "",
      stderr: expect.stringContaining("Usage: btm") as string,
    });
  });
});

describe("snapshot", () => {
  beforeEach(async () => {
    await btm(["clean", "-p", volume]);
  });

  it("takes it always, unless it exists; with --itv when it is due", async () => {
    expect((await btm(["snapshot", "-p", volume, "-s=0"])).stdout).toContain("Took");
    expect((await btm(["snapshot", "-p", volume, "-s=1"])).stdout).toContain("Took");
    expect((await btm(["snapshot", "-p", volume, "-s=1"])).stdout).toContain("exists");
    expect((await btm(["snapshot", "-p", volume, "-s=2", "-i=4"])).stdout).toContain("not due");
    expect((await btm(["snapshot", "-p", volume, "-s=4", "--itv=4"])).stdout).toContain("Took");
    expect(await list()).toEqual(["0", "1", "4"]);
  });

  it("removes nothing without --cap and --algo, and with them what the rule says", async () => {
    for (const height of ["0", "1", "2", "3"]) await btm(["snapshot", "-p", volume, "-s", height]);
    expect((await btm(["snapshot", "-p", volume, "-s", "4", "-c=3", "--dry-run"])).stdout).toContain(
      "Would remove 0, 1",
    );
    expect(await list()).toEqual(["0", "1", "2", "3"]);
    expect((await btm(["snapshot", "-p", volume, "-s", "4", "-c=3", "-a=FADE"])).stdout).toContain("Removed");
    expect((await list()).length).toBe(3);
    expect((await list()).at(-1)).toBe("4");
  });

  it("takes the greatest height there is", async () => {
    await btm(["snapshot", "-p", volume, "-s", "18446744073709551615"]);
    expect(await list()).toEqual(["18446744073709551615"]);
  });
});
