import { expect, it } from "vitest";

import { btm } from "../support/executable.ts";
import { type Dataset, undoing, zfs, zfsSuite } from "../support/zfs-suite.ts";

const suite = zfsSuite();
const undo = undoing();

/** What the user sees, stderr after stdout, with what differs from run to run replaced. */
async function says(args: readonly string[], volume: Dataset): Promise<string> {
  const { status, stdout, stderr } = await btm(args);
  return `${stdout}${stderr === "" ? "" : `-- on stderr:\n${stderr}`}-- exit ${String(status)}`
    .replaceAll(volume.path, "$PATH")
    .replaceAll(volume.dataset, "$VOLUME")
    .replaceAll(/\d{4}-\d\d-\d\d \d\d:\d\d:\d\d/g, "$TIME");
}

it("speaks of a volume as it was given, and tells once which dataset a path is", async () => {
  const volume = await suite.fresh();
  expect(await says(["snapshot", "-p", volume.dataset, "-s", "0"], volume)).toMatchInlineSnapshot(`
    "Took the snapshot of $VOLUME at 0
    -- exit 0"
  `);
  expect(await says(["snapshot", "-p", volume.path, "-s", "10"], volume)).toMatchInlineSnapshot(`
    "Took the snapshot of $PATH at 10
    -- on stderr:
    $PATH is $VOLUME
    -- exit 0"
  `);
  await volume.snapshotByHand(15);
  expect(await says(["list", "-p", volume.path], volume)).toMatchInlineSnapshot(`
    "HEIGHT  TAKEN (UTC)          KIND
         0  $TIME
        10  $TIME
        15  $TIME  unmarked
    -- on stderr:
    $PATH is $VOLUME
    3 snapshots of $PATH; 1 unmarked, which btm never removes (btm adopt marks them)
    -- exit 0"
  `);
  expect(await says(["adopt", "-p", volume.dataset, "--yes"], volume)).toMatchInlineSnapshot(`
    "Adopted 1 snapshot of $VOLUME
    -- exit 0"
  `);
  expect(await says(["clean", "-p", volume.path, "-k", "1"], volume)).toMatchInlineSnapshot(`
    "Removed 2 snapshots of $PATH, kept 1
    -- on stderr:
    $PATH is $VOLUME
    -- exit 0"
  `);
});

it("says plainly what a rollback loses, what is in its way, and what it did", async () => {
  const volume = await suite.fresh();
  for (const height of ["0", "10", "20"]) await btm(["snapshot", "-p", volume.dataset, "-s", height]);
  const rollback = ["rollback", "--discard-newer", "-p", volume.dataset, "-s", "5"];
  expect(await says([...rollback, "--dry-run"], volume)).toMatchInlineSnapshot(`
    "Plan: put $VOLUME back to 0, the nearest below 5, of which there is no snapshot
      snapshot:    $VOLUME@0, taken $TIME UTC
      blocks back: 20, from 20
      destroyed:   $VOLUME@10, $VOLUME@20, for good
      live state:  is lost, with all that was written since the snapshot
    -- exit 0"
  `);

  const foreign = `${volume.dataset}@by hand`;
  await zfs("snapshot", foreign);
  await zfs("hold", "my backup", `${volume.dataset}@10`);
  undo(() => zfs("release", "my backup", `${volume.dataset}@10`));
  expect(await says([...rollback, "--dry-run"], volume)).toMatchInlineSnapshot(`
    "Plan: put $VOLUME back to 0, the nearest below 5, of which there is no snapshot
      snapshot:    $VOLUME@0, taken $TIME UTC
      blocks back: 20, from 20
      destroyed:   $VOLUME@10, $VOLUME@20, for good
      live state:  is lost, with all that was written since the snapshot
      in the way:  the snapshot "$VOLUME@by hand" is newer than the target and not btm's own. Give --discard-foreign to destroy it with the newer ones of btm; to keep it, zfs send it elsewhere first
      in the way:  the snapshot "$VOLUME@10", which would be destroyed, is held: "my backup". zfs release 'my backup' '$VOLUME@10' lets it go
    -- exit 5"
  `);
  expect(await says(rollback, volume)).toMatchInlineSnapshot(`
    "-- on stderr:
    btm: Cannot roll back "$VOLUME" to 0: the snapshot "$VOLUME@by hand" is newer than the target and not btm's own; the snapshot "$VOLUME@10", which would be destroyed, is held: "my backup"
      hint: Give --discard-foreign to destroy it with the newer ones of btm; to keep it, zfs send it elsewhere first. zfs release 'my backup' '$VOLUME@10' lets it go
    -- exit 5"
  `);
  await undo.all();

  const child = `${volume.dataset}/wallets`;
  await zfs("create", child);
  expect(await says(["rollback", "-p", volume.dataset, "-s", "0"], volume)).toMatchInlineSnapshot(`
    "-- on stderr:
    btm: Cannot roll back "$VOLUME" to 0: the dataset "$VOLUME/wallets" is a child of it, and would be moved aside with it
      hint: Move the child's files into it, rename the child out of it with zfs rename, or give --discard-newer, which leaves children as they are
    -- exit 3"
  `);
  await zfs("destroy", child);
  expect(await says([...rollback, "--discard-foreign", "--dry-run"], volume)).toMatchInlineSnapshot(`
    "Plan: put $VOLUME back to 0, the nearest below 5, of which there is no snapshot
      snapshot:    $VOLUME@0, taken $TIME UTC
      blocks back: 20, from 20
      destroyed:   $VOLUME@10, $VOLUME@20, for good
      not btm's:   $VOLUME@by hand, destroyed as well
      live state:  is lost, with all that was written since the snapshot
    -- exit 0"
  `);
  expect(await says([...rollback, "--discard-foreign"], volume)).toMatchInlineSnapshot(`
    "Rolled back $VOLUME to 0, the nearest below 5, of which there is no snapshot
    Destroyed, being newer: $VOLUME@10, $VOLUME@20, $VOLUME@by hand
    -- exit 0"
  `);
});
