import { beforeAll, beforeEach, describe, expect, it } from "vitest";

import { BtrfsImage } from "../../support/btrfs-image.ts";
import { btm, btmOnTerminal } from "../../support/executable.ts";
import { run } from "../../support/run.ts";

let image: BtrfsImage;
let volume: string;
const ESC = "\u001b";

beforeAll(async () => {
  image = await BtrfsImage.make();
  volume = await image.makeSubvolume("block chain");
  return () => image.dispose();
});

beforeEach(async () => {
  await btm(["undo", "--drop", "--all", "-p", volume]);
  await btm(["clean", "-p", volume]);
  for (const height of ["10", "20"]) await btm(["snapshot", "-p", volume, "-s", height]);
});

const heights = async (): Promise<string[]> =>
  (await btm(["list", "-p", volume])).stdout.match(/^ *\d+/gm)?.map((text) => text.trim()) ?? [];

describe("on a terminal, a command that destroys", () => {
  it("shows its plan and does it after a yes", async () => {
    const { status, stdout } = await btmOnTerminal('exec "$BTM" clean -p "$V"', { V: volume, NO_COLOR: "1" }, "y");
    expect(stdout).toContain(`Plan: destroy 2 snapshots of ${volume}`);
    expect(stdout).toContain("destroyed:  10, 20");
    expect(stdout).toContain("Removed 2 snapshots");
    expect(status).toBe(0);
    expect(await heights()).toEqual([]);
  });

  it.each(["n", "", "maybe"])("changes nothing after %j", async (answer) => {
    const { status, stdout } = await btmOnTerminal('exec "$BTM" clean -p "$V"', { V: volume, NO_COLOR: "1" }, answer);
    expect(stdout).toContain("Nothing was changed: the plan was declined");
    expect(status).toBe(5);
    expect(await heights()).toEqual(["10", "20"]);
  });

  it("shows the plan of a rollback", async () => {
    const { status, stdout } = await btmOnTerminal(
      'exec "$BTM" rollback -p "$V" -s 15',
      { V: volume, NO_COLOR: "1" },
      "yes",
    );
    expect(stdout).toContain(`Plan: put ${volume} back to 10, the nearest below 15`);
    expect(stdout).toContain("blocks back: 10, from 20");
    expect(stdout).toContain("kept aside:  the live state and 20, as undo point 1");
    expect(stdout).toContain(`Rolled back ${volume} to 10`);
    expect(status).toBe(0);
  });

  it("says what a rollback without a way back loses", async () => {
    const line = 'exec "$BTM" rollback --discard-newer -p "$V" -s 10';
    const { status, stdout } = await btmOnTerminal(line, { V: volume, NO_COLOR: "1" }, "n");
    expect(stdout).toContain("live state:  is lost");
    expect(stdout).toMatch(/destroyed: +block chain@20, for good/);
    expect(status).toBe(5);
    expect(await heights()).toEqual(["10", "20"]);
  });

  it("shows the plan of an undo, and of dropping all undo points", async () => {
    await btm(["rollback", "-p", volume, "-s", "10"]);
    const undone = await btmOnTerminal('exec "$BTM" undo -p "$V"', { V: volume, NO_COLOR: "1" }, "y");
    expect(undone.stdout).toContain(`Plan: bring back undo point 1 of ${volume}`);
    expect(await heights()).toEqual(["10", "20"]);
    const cleaned = await btm(["clean", "-p", volume, "--dry-run"]);
    expect(cleaned.stdout).toContain("10 stays: needed by undo point 2");
    const drop = 'exec "$BTM" undo --drop --all -p "$V"';
    const declined = await btmOnTerminal(drop, { V: volume, NO_COLOR: "1" }, "n");
    expect(declined.stdout).toMatch(/Plan: .*undo point/);
    expect(declined.status).toBe(5);
    expect((await btmOnTerminal(drop, { V: volume, NO_COLOR: "1" }, "y")).status).toBe(0);
    expect((await btm(["undo", "--list", "-p", volume])).stdout).toContain("No undo points");
  });

  it("does not ask with --yes", async () => {
    const { stdout } = await btmOnTerminal('exec "$BTM" clean -y -p "$V"', { V: volume }, "n");
    expect(stdout).not.toContain("[y/N]");
    expect(await heights()).toEqual([]);
  });
});

it("goes ahead without a terminal, as the original does", async () => {
  expect(await btm(["clean", "-p", volume])).toMatchObject({
    status: 0,
    stdout: expect.stringContaining("Removed 2 snapshots") as string,
  });
});

it("adopts after a yes at the prompt", async () => {
  await run("btrfs", ["subvolume", "snapshot", "--", volume, `${volume}@30`]);
  const { stdout, status } = await btmOnTerminal('exec "$BTM" adopt -p "$V"', { V: volume, NO_COLOR: "1" }, "y");
  expect(stdout).toMatch(/30 {2}block chain@30 {2}taken/);
  expect(stdout).toContain("Adopted 1 snapshot");
  expect(status).toBe(0);
});

describe("colours", () => {
  it("are there on a terminal", async () => {
    expect((await btmOnTerminal('exec "$BTM" list -p "$V"', { V: volume }, "")).stdout).toContain(ESC);
  });
  it.each<Record<string, string>>([{ NO_COLOR: "1" }, { TERM: "dumb" }])("are not with %j", async (env) => {
    expect((await btmOnTerminal('exec "$BTM" list -p "$V"', { V: volume, ...env }, "")).stdout).not.toContain(ESC);
  });
  it("are not in a pipe", async () => {
    const { stdout, stderr } = await btm(["list", "-p", volume], { env: { TERM: "xterm" } });
    expect(stdout + stderr).not.toContain(ESC);
  });
});

it("dies quietly when its reader goes away", async () => {
  const { stdout, status } = await btmOnTerminal(
    '"$BTM" list -p "$V" | head -n 1; exit "${PIPESTATUS:-0}"',
    { V: volume, SHELL: "/bin/bash" },
    "",
  );
  expect(stdout).toContain("HEIGHT");
  expect(stdout).not.toMatch(/EPIPE|error/i);
  expect(status).toBe(0);
});

it("asks where its answer is not: the answer may go into a file", async () => {
  const line = '"$BTM" clean -p "$V" | cat >/dev/null';
  const { stdout } = await btmOnTerminal(line, { V: volume, NO_COLOR: "1" }, "n");
  expect(stdout).toContain("Plan: destroy 2 snapshots");
  expect(await heights()).toEqual(["10", "20"]);
});

it("ends at Ctrl-C at the prompt, with nothing changed", async () => {
  const { status } = await btmOnTerminal('exec "$BTM" clean -p "$V"', { V: volume, NO_COLOR: "1" }, "\u0003");
  expect(status).toBe(130);
  expect(await heights()).toEqual(["10", "20"]);
});

it("says that it cannot write its answer", async () => {
  const line = '"$BTM" list -p "$V" >/dev/full';
  const { stdout, status } = await btmOnTerminal(line, { V: volume, NO_COLOR: "1" }, "");
  expect(stdout).toContain("btm: Cannot write the answer: ENOSPC");
  expect(status).toBe(1);
});
