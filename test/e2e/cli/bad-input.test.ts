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
  await writeFile(join(image.top, "garbage.toml"), "volumes = [\n");
  await writeFile(join(image.top, "faulty.toml"), FAULTY);
  await image.makeSubvolume("nest");
  await btm(["snapshot", "-p", join(image.top, "nest"), "-s", "10"]);
  await image.makeSubvolume("nest/db/inner");
  await run("chmod", ["0700", image.folder]);
  return () => image.dispose();
});

/** One fault of each kind. */
const FAULTY = `log_level = "loud"
colour = true

[volumes.node]
volume = "/data/node"
itvl = 10
cap = 0
algo = "fast"
min_free = "120%"
min_keep = -1
pre_snapshot = "sync; rm -rf /"
hook_timeout = 0
pins = ["x"]

[volumes.same]
volume = "/data/node"

[volumes."two words"]
volume = "relative"
`;

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
  ["a mode in which only a daemon is asked", ["clean", "-p", "$V", "-m", "external"]],
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
  ["an undo without undo points", ["undo", "-p", "$V"]],
  ["an undo of a number that is not there", ["undo", "-p", "$V", "7"]],
  ["an undo of a word", ["undo", "-p", "$V", "latest"]],
  ["an undo of number 0", ["undo", "-p", "$V", "0"]],
  ["a drop of nothing in particular", ["undo", "-p", "$V", "--drop"]],
  ["a drop of a number that is not there", ["undo", "-p", "$V", "--drop", "7"]],
  ["all undo points without a drop", ["undo", "-p", "$V", "--all"]],
  ["one undo point and all of them", ["undo", "-p", "$V", "--drop", "7", "--all"]],
  ["a list of one undo point", ["undo", "-p", "$V", "--list", "7"]],
  ["to keep no undo point", ["rollback", "-p", "$V", "--keep-undo", "0"]],
  ["to keep a word of undo points", ["rollback", "-p", "$V", "--keep-undo", "all"]],
  ["to discard what is foreign, but not what is newer", ["rollback", "-p", "$V", "--discard-foreign"]],
  ["to preserve what is outside the volume", ["rollback", "-p", "$V", "--preserve", "../x"]],
  ["to preserve an absolute path", ["rollback", "-p", "$V", "--preserve", "/etc/passwd"]],
  ["a unit with a slash", ["rollback", "-p", "$V", "--service", "a/b.service"]],
  ["a unit that looks like an option", ["rollback", "-p", "$V", "--service=--now"]],
  ["a pin without a height", ["pin", "-p", "$V"]],
  ["a pin of a negative height", ["pin", "-p", "$V", "-s=-1"]],
  ["a pin of a height without a snapshot", ["pin", "-p", "$V", "-s", "11"]],
  ["a pin with a note of two lines", ["pin", "-p", "$V", "-s", "10", "--note", "two\nlines"]],
  ["an unpin without a height", ["unpin", "-p", "$V"]],
  ["an open without a height", ["open", "-p", "$V"]],
  ["an open of a height without a snapshot", ["open", "-p", "$V", "-s", "11"]],
  ["an open at a relative path", ["open", "-p", "$V", "-s", "10", "--at", "here"]],
  ["an open to read at another place", ["open", "-p", "$V", "-s", "10", "--read-only", "--at", "/srv/x"]],
  ["a close without a height", ["close", "-p", "$V"]],
  ["a close of what is not open", ["close", "-p", "$V", "-s", "10"]],
  ["a daemon without a configuration", ["daemon", "--config", "$TOP/none.toml"]],
  ["a daemon of a volume and a configuration", ["daemon", "-p", "$V", "--config", "$TOP/none.toml"]],
  ["a daemon with an interval and no volume", ["daemon", "-i", "4"]],
  ["a daemon with itv 0", ["daemon", "-p", "$V", "-i", "0"]],
  ["a daemon with cap 0", ["daemon", "-p", "$V", "-c=0"]],
  ["a daemon of an unknown algo", ["daemon", "-p", "$V", "-a=fast"]],
  ["a daemon of mode external", ["daemon", "-p", "$V", "-m", "external"]],
  ["a daemon on a relative socket", ["daemon", "-p", "$V", "--socket", "btm.sock"]],
  ["a daemon where a file is in the place of the socket", ["daemon", "-p", "$V", "--socket", "$TOP/file"]],
  ["a daemon with a faulty configuration", ["daemon", "--config", "$TOP/faulty.toml"]],
  ["a configuration that is not there", ["check-config", "$TOP/none.toml"]],
  ["a faulty configuration", ["check-config", "$TOP/faulty.toml"]],
  ["a configuration that is no TOML", ["check-config", "$TOP/garbage.toml"]],
  [
    "an external snapshot where no daemon listens",
    ["snapshot", "-p", "$V", "-s", "5", "-m", "external", "--socket", "$TOP/no.sock"],
  ],
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
