import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, expect, it } from "vitest";

import { BtrfsImage } from "../../support/btrfs-image.ts";
import { btm, copyExecutable } from "../../support/executable.ts";
import { run } from "../../support/run.ts";

let image: BtrfsImage;
let volume: string;

beforeAll(async () => {
  image = await BtrfsImage.make();
  volume = await image.makeSubvolume("blockchain");
  await image.makeSubvolume("empty");
  await btm(["snapshot", "-p", volume, "-s", "10"]);
  await btm(["snapshot", "-p", volume, "-s", "20"]);
  await mkdir(join(image.top, "plain"));
  await writeFile(join(image.top, "file"), "");
  await image.makeSubvolume("nest");
  await btm(["snapshot", "-p", join(image.top, "nest"), "-s", "10"]);
  await image.makeSubvolume("nest/db/inner");
  await run("chmod", ["0700", image.folder]);
  return () => image.dispose();
});

/** What the user sees, without the folder of this run. */
async function refusal(args: readonly string[]): Promise<string> {
  const { status, stdout, stderr } = await btm(args.map((arg) => arg.replace("$TOP", image.top).replace("$V", volume)));
  expect(stdout).toBe("");
  return `${stderr.replaceAll(image.top, "$TOP")}exit ${String(status)}`;
}

it.each<[string, readonly string[]]>([
  ["no volume given", ["list"]],
  ["an empty volume", ["list", "-p="]],
  ["a volume that is missing", ["list", "-p", "$TOP/none"]],
  ["a volume below a file", ["list", "-p", "$TOP/file/x"]],
  ["a relative volume", ["list", "-p", "./blockchain"]],
  ["a volume that is a file", ["list", "-p", "$TOP/file"]],
  ["a volume that is a plain directory", ["list", "-p", "$TOP/plain"]],
  ["a volume that is not on Btrfs", ["list", "-p", "/proc"]],
  ["a volume that is the top level", ["list", "-p", "$TOP"]],
  ["a snapshot of a volume with nested subvolumes", ["snapshot", "-s", "20", "-p", "$TOP/nest"]],
  ["a rollback of a volume with nested subvolumes", ["rollback", "-p", "$TOP/nest"]],
  ["a volume with a newline in its name", ["list", "-p", "$TOP/block\nchain"]],
  ["a volume with ..", ["list", "-p", "$TOP/../blockchain"]],
  ["itv 0", ["snapshot", "-p", "$V", "-s", "30", "-i", "0"]],
  ["a negative itv", ["snapshot", "-p", "$V", "-s", "30", "-i", "-4"]],
  ["a fractional itv", ["snapshot", "-p", "$V", "-s", "30", "-i", "1.5"]],
  ["an itv above 2^64 - 1", ["snapshot", "-p", "$V", "-s", "30", "-i", "18446744073709551616"]],
  ["an itv that is not a number", ["snapshot", "-p", "$V", "-s", "30", "-i", "abc"]],
  ["cap 0", ["snapshot", "-p", "$V", "-s", "30", "-c", "0"]],
  ["a cap above the limit", ["snapshot", "-p", "$V", "-s", "30", "-c", "65537"]],
  ["an unknown mode", ["list", "-p", "$V", "-m", "ext4"]],
  ["a mode that is not there yet", ["list", "-p", "$V", "-m", "external"]],
  ["an unknown algo", ["snapshot", "-p", "$V", "-s", "30", "-a", "fast"]],
  ["a snapshot-id above 2^64 - 1", ["rollback", "-p", "$V", "-s", "18446744073709551616"]],
  ["a snapshot-id that is not a number", ["rollback", "-p", "$V", "-s", "abc"]],
  ["an empty snapshot-id", ["rollback", "-p", "$V", "-s="]],
  ["a negative height for a snapshot", ["snapshot", "-p", "$V", "-s", "-5"]],
  ["no snapshots", ["rollback", "-p", "$TOP/empty"]],
  ["strict without an exact match", ["rollback", "-p", "$V", "-s", "15", "-S"]],
  ["every snapshot above the height", ["rollback", "-p", "$V", "-s", "5"]],
  ["an unknown flag", ["list", "-p", "$V", "--jsn"]],
  ["an unknown flag of one letter", ["list", "-p", "$V", "-x"]],
  ["an unknown command", ["lst"]],
  ["an excess argument", ["list", "-p", "$V", "extra"]],
  ["a flag without its value", ["list", "-p"]],
  ["a negative kept", ["clean", "-p", "$V", "-k", "-1"]],
  ["a snapshot without a height", ["snapshot", "-p", "$V"]],
  ["a lock timeout that is none", ["clean", "-p", "$V", "--lock-timeout", "soon"]],
  ["an adoption that nobody looked at", ["adopt", "-p", "$V"]],
])("refuses %s", async (_, args) => {
  expect(await refusal(args)).toMatchSnapshot();
});

it("changes nothing when it refuses", async () => {
  const { stdout } = await btm(["list", "-p", volume]);
  expect(stdout.match(/^ *\d+/gm)).toEqual(["    10", "    20"]);
});

it("refuses a user without permission, and says what is needed", async () => {
  await run("chmod", ["0711", image.folder]);
  const nobody = { uid: 65_534, executable: await copyExecutable(image.folder) };
  const { status, stderr } = await btm(["snapshot", "-p", volume, "-s", "30"], nobody);
  expect(stderr.replaceAll(image.top, "$TOP")).toMatchSnapshot();
  expect(status).toBe(7);
  const mounted = await image.mountAt("mounted", "blockchain");
  const beside = await btm(["list", "-p", mounted], nobody);
  expect(beside.stderr.replaceAll(mounted, "$MOUNT")).toMatchSnapshot();
  expect(beside.status).toBe(7);
  await run("umount", ["--", mounted]);
});

it("says who holds the lock, since when, and how long it waited", async () => {
  const holder = spawn("flock", ["--exclusive", volume, "sh", "-c", "echo locked; exec cat"], {
    stdio: ["pipe", "pipe", "ignore"],
  });
  await once(holder.stdout, "data");
  const { status, stderr } = await btm(["clean", "-p", volume, "--lock-timeout=0.1"]);
  holder.stdin.end();
  await once(holder, "exit");
  expect(status).toBe(6);
  expect(stderr).toMatch(/locked by process \d+ \(.+\), started \d{4}-\d\d-\d\dT[\d:.]+Z; waited \d+ ms\n {2}hint: /);
});
