import { beforeAll, expect, it } from "vitest";

import { BtrfsImage } from "../../support/btrfs-image.ts";
import { btm } from "../../support/executable.ts";
import { run } from "../../support/run.ts";

let image: BtrfsImage;
let volume: string;

beforeAll(async () => {
  image = await BtrfsImage.make();
  volume = await image.makeSubvolume("blockchain");
  return () => image.dispose();
});

/** The one document on stdout, with what differs from run to run replaced. Nothing may be on stderr. */
async function document(args: readonly string[]): Promise<unknown> {
  const { stdout, stderr } = await btm([...args, "-p", volume, "--json"]);
  expect(stderr).toBe("");
  expect(stdout.endsWith("\n") && stdout.indexOf("\n") === stdout.length - 1).toBe(true);
  return JSON.parse(
    stdout
      .replaceAll(image.top, "$TOP")
      .replace(/"(createdAt|at|openedAt)":"\d{4}-\d\d-\d\dT[\d:.]+Z"/g, '"$1":"$TIME"')
      .replace(/"bytes":"\d+"/g, '"bytes":"$BYTES"')
      .replace(/"uuid":"[0-9a-f-]{36}"/g, '"uuid":"$UUID"'),
  );
}

// In the order of a life of a volume; docs/json.md shows these documents.
it("is one document for every command", async () => {
  expect(await document(["list"])).toMatchSnapshot("an empty list");
  expect(await document(["snapshot", "-s", "0"])).toMatchSnapshot("a snapshot");
  expect(await document(["snapshot", "-s", "5", "-i", "10"])).toMatchSnapshot("not due");
  expect(await document(["snapshot", "-s", "10", "-c", "1"])).toMatchSnapshot("a snapshot that prunes");
  await run("btrfs", ["subvolume", "snapshot", "-r", "--", volume, `${volume}@20`]);
  expect(await document(["list"])).toMatchSnapshot("a list with an unmarked one");
  expect(await document(["adopt", "--dry-run"])).toMatchSnapshot("a plan to adopt");
  expect(await document(["adopt", "--yes"])).toMatchSnapshot("an adoption");
  expect(await document(["rollback", "-s", "15", "--dry-run"])).toMatchSnapshot("a plan to roll back");
  expect(await document(["rollback", "-s", "15"])).toMatchSnapshot("a rollback");
  expect(await document(["undo", "--list"])).toMatchSnapshot("the undo points");
  expect(await document(["undo", "--dry-run"])).toMatchSnapshot("a plan to undo");
  expect(await document(["undo"])).toMatchSnapshot("an undo");
  expect(await document(["undo", "--drop", "2", "--dry-run"])).toMatchSnapshot("a plan to drop");
  expect(await document(["undo", "--drop", "--all"])).toMatchSnapshot("undo points dropped");
  expect(await document(["pin", "-s", "10", "--note", "kept"])).toMatchSnapshot("a pin");
  expect(await document(["open", "-s", "10", "--read-only"])).toMatchSnapshot("a snapshot to read");
  expect(await document(["open", "-s", "10"])).toMatchSnapshot("an open clone");
  expect(await document(["list"])).toMatchSnapshot("a list with an open clone");
  expect(await document(["close", "-s", "10"])).toMatchSnapshot("a clone closed");
  expect(await document(["unpin", "-s", "10"])).toMatchSnapshot("a pin taken away");
  expect(await document(["recover"])).toMatchSnapshot("nothing to recover");
  const inPlace = ["rollback", "-s", "10", "--discard-newer"];
  expect(await document([...inPlace, "--dry-run"])).toMatchSnapshot("a plan to discard what is newer");
  expect(await document(inPlace)).toMatchSnapshot("what is newer discarded");
  await document(["snapshot", "-s", "30"]);
  expect(await document(["clean", "-k", "1", "--dry-run"])).toMatchSnapshot("a plan to clean");
  expect(await document(["clean", "-k", "1"])).toMatchSnapshot("a clean");
  expect(await document(["rollback", "-s", "3"])).toMatchSnapshot("an error");
});

it("is a document for a refused command line as well", async () => {
  expect(await document(["list", "--volme", "x"])).toMatchSnapshot("a usage error");
});
