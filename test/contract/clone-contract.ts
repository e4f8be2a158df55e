import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";

import { expect, it } from "vitest";

import { failureOf } from "../support/expect-code.ts";
import { Fixture } from "../support/fixture.ts";
import type { HolderArgument } from "../support/fixtures/holder.ts";
import { manifestOf } from "../support/manifest.ts";
import type { Traits } from "../support/volumes.ts";
import type { CurrentVolume } from "./driver-contract.ts";
import { btmOf, grow, heightsOf, listed } from "./helpers.ts";

/** A snapshot can be opened beside the live volume, to be written to. */
export function cloneContract(volume: CurrentVolume, { capabilities }: Traits): void {
  it("opens a copy that can be written to, and closes it without a trace", async () => {
    const btm = btmOf(volume());
    await grow(btm, volume(), [0, 10]);
    const live = manifestOf(volume().path, { exact: true });
    const { height, path = "", readOnly } = await btm.open(0);
    expect([height, readOnly, readFileSync(join(path, "height"), "utf8")]).toEqual([0n, false, "0"]);
    writeFileSync(join(path, "height"), "changed");
    expect(await btm.clones()).toMatchObject([{ height: 0n, path }]);
    expect(readFileSync(join(volume().snapshotPath(0), "height"), "utf8")).toBe("0");
    expect(manifestOf(volume().path, { exact: true }).slice(1)).toEqual(live.slice(1));
    expect(await listed(btm)).toEqual([0n, 10n]);
    expect(await btm.close(0)).toMatchObject({ height: 0n, path });
    expect([await btm.clones(), existsSync(path)]).toEqual([[], false]);
    await failureOf(btm.close(0), "NOT_OPEN");
  });

  it("opens it where it was told to, and takes no place that is not free", async () => {
    const btm = btmOf(volume());
    await grow(btm, volume(), [0]);
    const at = `${volume().path} opened`;
    const { path } = await btm.open(0, { at });
    expect([path, readFileSync(join(at, "height"), "utf8")]).toEqual([at, "0"]);
    await btm.close(0);
    expect(existsSync(at)).toBe(false);
    mkdirSync(at);
    writeFileSync(join(at, "something"), "");
    await failureOf(btm.open(0, { at }), "NAME_TAKEN");
    expect(await btm.clones()).toEqual([]);
    rmSync(at, { recursive: true });
    for (const place of ["beside", "./beside", ""]) await failureOf(btm.open(0, { at: place }), "BAD_OPTION");
    for (const place of [
      volume().path,
      join(volume().path, "a", "b"),
      `${volume().path}/../${basename(volume().path)}/a`,
    ]) {
      await failureOf(btm.open(0, { at: place }), "BAD_OPTION");
    }
  });

  it("opens each height once, several at once, and none that there is not", async () => {
    const btm = btmOf(volume());
    await grow(btm, volume(), [0, 10]);
    await btm.open(0);
    await btm.open(10);
    await failureOf(btm.open(0), "NAME_TAKEN");
    await failureOf(btm.open(5), "NO_SUCH_SNAPSHOT");
    expect((await btm.clones()).map(({ height }) => height)).toEqual([0n, 10n]);
    await btm.close(0);
    expect((await btm.clones()).map(({ height }) => height)).toEqual([10n]);
    await btm.close(10);
  });

  it("only to be read, it is the snapshot itself, and nothing is made", async () => {
    const btm = btmOf(volume());
    await grow(btm, volume(), [0]);
    const [snapshot] = await btm.list();
    const before = volume().everything({ exact: true });
    if (snapshot?.path === undefined) await failureOf(btm.open(0, { readOnly: true }), "BLOCKED");
    else expect(await btm.open(0, { readOnly: true })).toMatchObject({ path: snapshot.path, readOnly: true });
    await failureOf(btm.open(0, { readOnly: true, at: "/nowhere" }), "BAD_OPTION");
    expect(volume().everything({ exact: true })).toEqual(before);
  });

  it("is neither cleaned nor moved, and its snapshot stays where it needs it", async () => {
    const btm = btmOf(volume());
    await grow(btm, volume(), [0, 10]);
    const { path = "" } = await btm.open(10);
    writeFileSync(join(path, "height"), "changed");
    expect(heightsOf((await btm.clean()).removed)).toEqual(capabilities.clonesNeedTheirSnapshot ? [0n] : [0n, 10n]);
    expect(readFileSync(join(path, "height"), "utf8")).toBe("changed");
    await btm.close(10);
  });

  it("stays open through a rollback past its snapshot and the undoing of that", async () => {
    const btm = btmOf(volume());
    await grow(btm, volume(), [0, 10]);
    const { path = "" } = await btm.open(10);
    writeFileSync(join(path, "height"), "changed");
    await btm.rollback(0);
    expect([volume().read("height"), readFileSync(join(path, "height"), "utf8")]).toEqual(["0", "changed"]);
    await btm.undo();
    expect(await btm.clones()).toMatchObject([{ height: 10n, path }]);
    expect(readFileSync(join(path, "height"), "utf8")).toBe("changed");
    await btm.close(10);
  });

  it("is not closed while a process has it in use, which is named", async () => {
    const btm = btmOf(volume());
    await grow(btm, volume(), [0]);
    const { path = "" } = await btm.open(0);
    const holder = new Fixture("holder", {
      how: "open file",
      file: join(path, "height"),
    } satisfies HolderArgument);
    try {
      expect(await holder.next()).toBe("ready");
      const { message } = await failureOf(btm.close(0), "BLOCKED");
      expect(message).toContain(`process ${String(holder.child.pid)} `);
      expect(existsSync(join(path, "height"))).toBe(true);
    } finally {
      await holder.stop();
    }
    await btm.close(0);
  });
}
