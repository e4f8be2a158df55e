/** btm verify with nodes of the smallest kind: what may come of a start, and that nothing is left of it. */
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { mkdtemp } from "node:fs/promises";
import { createServer } from "node:http";
import { basename, join } from "node:path";
import { text } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import { beforeAll, describe, expect, it, onTestFinished } from "vitest";

import { Btm } from "../../../src/index.ts";
import { BtrfsImage } from "../../support/btrfs-image.ts";
import { btm, EXECUTABLE } from "../../support/executable.ts";
import { run } from "../../support/run.ts";
import { factsAt, leftBeside, smallNode, snapshotAt, URL_INSIDE, verify } from "../../support/verified-volume.ts";

let image: BtrfsImage;
let volumes = 0;

beforeAll(async () => {
  image = await BtrfsImage.make();
  return () => image.dispose();
});

/** A volume with a snapshot of 10. */
async function volumeAt10(node = factsAt(10)): Promise<string> {
  const volume = await image.makeSubvolume(`chain ${String(volumes++)}`);
  await snapshotAt(volume, volume, 10, node);
  return volume;
}

const follow = ["--follow", URL_INSIDE];

describe("a node that stands where its snapshot says", () => {
  it("is exact; that is kept beside the snapshot and listed, and nothing else is left", async () => {
    const volume = await volumeAt10();
    const before = readdirSync(volume);
    const { status, document, stderr } = await verify(volume, follow, smallNode());
    expect(document.result?.verified).toMatchObject({ outcome: "exact", height: "10", hash: "0xb10c10", why: null });
    expect([status, stderr, document.ok]).toEqual([0, "", true]);
    expect([readdirSync(volume), leftBeside(volume), await new Btm({ volume }).clones()]).toEqual([before, [], []]);
    const [snapshot] = await new Btm({ volume }).list();
    expect(snapshot?.record?.verified).toMatchObject({ outcome: "exact", height: "10" });
    expect((await btm(["list", "-p", volume])).stdout).toMatch(/10 .* verified on \d{4}-\d\d-\d\d: stands at 10\n/);
  });

  it("may stand anywhere between before and after the snapshot", async () => {
    const volume = await volumeAt10(factsAt(10, { before: "9" }));
    // Where it stood after is not known.
    expect((await verify(volume, follow, smallNode())).document.result?.verified.outcome).toBe("exact");
    await new Btm({ volume }).describe(10, { after: { height: "9" } });
    expect((await verify(volume, follow, smallNode())).document.result?.verified).toMatchObject({
      outcome: "differs",
      why: "the node stands at 10, expected 9",
    });
    await new Btm({ volume }).describe(10, { after: { height: "12" } });
    expect((await verify(volume, follow, smallNode())).document.result?.verified.outcome).toBe("exact");
    const [snapshot] = await new Btm({ volume }).list();
    expect(snapshot?.record).toMatchObject({ after: { height: "12" }, verified: { outcome: "exact" } });
  });

  it("is found without being told its family, with the usual paths, and from the library", async () => {
    const volume = await image.makeSubvolume(`chain ${String(volumes++)}`);
    await snapshotAt(volume, volume, 10);
    writeFileSync(join(volume, "height"), "11");
    const library = new Btm({ volume });
    // The node is told the live folder: inside, the copy is there.
    const { verified } = await library.verify(10, {
      command: smallNode({ folder: volume }),
      follow: { url: URL_INSIDE },
    });
    expect(verified, verified.why).toMatchObject({ outcome: "exact", height: "10" });
    expect([readFileSync(join(volume, "height"), "utf8"), existsSync(join(volume, "log"))]).toEqual(["11", false]);
  });

  it("is waited for while it reads its database", async () => {
    const volume = await volumeAt10();
    const { document } = await verify(volume, follow, smallNode({ comesUpShort: 3 }));
    expect(document.result?.verified).toMatchObject({ outcome: "exact", height: "10" });
  });

  it("may go to the background, and is ended there", async () => {
    const volume = await volumeAt10();
    const token = tokenOf();
    const { document } = await verify(volume, follow, smallNode({ goesToBackground: true, token }));
    expect(document.result?.verified.outcome).toBe("exact");
    expect(processesWith(token)).toEqual([]);
  });

  it("may ignore SIGTERM and leave processes that keep the copy in use: nothing of them is left", async () => {
    const volume = await volumeAt10();
    const token = tokenOf();
    const { document } = await verify(
      volume,
      follow,
      smallNode({ ignoresSigterm: true, leavesSomething: true, token }),
    );
    expect(document.result).toMatchObject({ verified: { outcome: "exact" }, warnings: [] });
    expect([processesWith(token), leftBeside(volume)]).toEqual([[], []]);
  });
});

describe("what says nothing of a snapshot is not kept, and calls it neither good nor bad", () => {
  it.each([
    [
      "a node that wants other credentials",
      { isLocked: true },
      "PERMISSION_DENIED",
      7,
      /for 1 s the node let nobody ask: .*status 401.*--cookie FILE/s,
      [],
    ],
    [
      "a cookie that is not where it was said to be",
      {},
      "PERMISSION_DENIED",
      7,
      /for 1 s the node let nobody ask: .*regtest\/.cookie" is not there/,
      ["--cookie", "regtest/.cookie"],
    ],
    [
      "a node that listens elsewhere",
      { port: 18_546 },
      "NODE_UNREACHABLE",
      3,
      /listens on the port 18546, and for 1 s nothing on that of http:\/\/127.0.0.1:18545/,
      [],
    ],
    ["a host that is not there", {}, "BAD_OPTION", 2, /no network but loopback/, ["--follow", "http://10.1.2.3:18545"]],
  ])("%s", async (_, node, code, exitStatus, said, options) => {
    const volume = await volumeAt10();
    await verify(volume, follow, smallNode());
    const { status, document, stderr } = await verify(
      volume,
      [...follow, "--timeout", "1s", ...options],
      smallNode(node),
    );
    expect([status, document.ok, document.error?.code]).toEqual([exitStatus, false, code]);
    expect(`${document.error?.message ?? ""} ${document.error?.hint ?? ""}${stderr}`).toMatch(said);
    const [snapshot] = await new Btm({ volume }).list();
    expect(snapshot?.record?.verified?.outcome).toBe("exact");
    expect(leftBeside(volume)).toEqual([]);
  });
});

it("a damaged cookie does not hide that no node is there: the snapshot is no good", async () => {
  const volume = await volumeAt10();
  writeFileSync(join(volume, ".cookie"), "garbage");
  await new Btm({ volume }).snapshot(20, { node: factsAt(20) });
  const { document } = await verify(volume, [...follow, "--timeout", "1s", "--cookie", ".cookie"], ["sleep", "100"]);
  expect(document.result?.verified).toMatchObject({
    outcome: "failed",
    why: expect.stringContaining("user:password") as string,
  });
});

it("a check that could not start something says nothing of the snapshot", async () => {
  const volume = await volumeAt10();
  const { status, document } = await verify(volume, [], ["sh", "-c", "no-such-program"]);
  expect([status, document.error?.code]).toEqual([2, "BAD_OPTION"]);
  expect((await new Btm({ volume }).list())[0]?.record?.verified).toBeUndefined();
});

describe("a snapshot that is no good is not called good", () => {
  it("when the node stands elsewhere", async () => {
    const volume = await volumeAt10();
    writeFileSync(join(volume, "height"), "7");
    await new Btm({ volume }).snapshot(20, { node: factsAt(20) });
    const { status, document } = await verify(volume, follow, smallNode());
    expect(status).toBe(10);
    expect(document).toMatchObject({
      ok: false,
      error: { code: "VERIFY_FAILED" },
      result: {
        height: "20",
        verified: { outcome: "differs", height: "7", why: "the node stands at 7, expected 20 or more" },
      },
    });
    const { stderr } = await btm(["verify", "-p", volume, "-s", "20", ...follow, "--", ...smallNode()]);
    expect(stderr).toContain(
      `The snapshot 20 of ${volume} is not what its name says: the node stands at 7, expected 20 or more\n`,
    );
  });

  it("when it has another block at that height, or is on another chain", async () => {
    const other = await volumeAt10(factsAt(10, { hash: "0xffff" }));
    expect((await verify(other, follow, smallNode())).document.result?.verified).toMatchObject({
      outcome: "differs",
      why: 'the node has another block at 10: "0xb10c10", the snapshot was taken with "0xffff"',
    });
    const chain = await volumeAt10(factsAt(10, { chain: "eip155:1" }));
    expect((await verify(chain, follow, smallNode())).document.result?.verified).toMatchObject({
      outcome: "differs",
      why: 'the node is on the chain "eip155:42", the snapshot is of "eip155:1"',
    });
  });

  it("when the node ends at once; what it said last is shown, escaped and bounded", async () => {
    const volume = await volumeAt10();
    const script = "printf 'a long story %01000d\\n' 1; printf 'Corrupt: \\033[31m\\202 bad block\\n' >&2; exit 3";
    const { status, stdout, document } = await verify(volume, follow, ["sh", "-c", script]);
    expect([status, document.result?.verified.outcome]).toEqual([10, "failed"]);
    const why = document.result?.verified.why ?? "";
    expect(why).toMatch(/^it ended with status 3; the last that it printed: ".*Corrupt: \\u\{1b\}\[31m. bad block"$/);
    expect(why.length).toBeLessThanOrEqual(500);
    expect(stdout).not.toContain("\u001b");
  });

  it("when it never answers", async () => {
    const volume = await volumeAt10();
    const { document } = await verify(volume, [...follow, "--timeout", "1s"], smallNode({ isMute: true }));
    expect(document.result?.verified.outcome).toBe("failed");
    expect(document.result?.verified.why).toMatch(/^it did not answer within 1 s/);
  });
});

describe("a mistake of who calls is nothing that is known of the snapshot", () => {
  it("as a program that cannot be started", async () => {
    const volume = await volumeAt10();
    await verify(volume, follow, smallNode());
    const folder = await mkdtemp("/var/lib/btm-test-");
    onTestFinished(() => {
      rmSync(folder, { recursive: true });
    });
    const [plain, orphan] = [join(folder, "plain"), join(folder, "orphan")];
    writeFileSync(plain, "#!/bin/sh\n", { mode: 0o644 });
    writeFileSync(orphan, "#!/no/such/shell\n", { mode: 0o755 });
    for (const program of ["no-such-node", plain, orphan]) {
      const { status, document } = await verify(volume, follow, [program]);
      expect([status, document.error?.code], program).toEqual([2, "BAD_OPTION"]);
      expect(document.error?.message).toContain(`Cannot start "${program}" on a copy: `);
    }
    expect((await new Btm({ volume }).list())[0]?.record?.verified?.outcome).toBe("exact");
    expect(leftBeside(volume)).toEqual([]);
  });

  it("as a family that tells no height, and two credentials", async () => {
    const volume = await volumeAt10(factsAt(10, { family: "http" }));
    for (const options of [
      follow,
      [...follow, "--chain", "http"],
      ["--follow", "http://user:secret@127.0.0.1:18545", "--chain", "evm", "--cookie", ".cookie"],
    ]) {
      const { status, document } = await verify(volume, options, smallNode());
      expect([status, document.error?.code], options.join(" ")).toEqual([2, "BAD_OPTION"]);
    }
    // Not even a folder for copies has been made.
    expect([existsSync(`${volume}.btm/open-10`), (await new Btm({ volume }).list())[0]?.record]).toEqual([
      false,
      undefined,
    ]);
    expect((await verify(volume, [...follow, "--chain", "evm"], smallNode())).status).toBe(0);
  });
});

describe("a snapshot that btm did not make", () => {
  async function withHandMade(volume: string): Promise<void> {
    await run("btrfs", ["subvolume", "snapshot", "-r", volume, `${volume}@20240501`]);
  }

  it("is not the newest, whatever its name says", async () => {
    const volume = await volumeAt10();
    await withHandMade(volume);
    const { document } = await verify(volume, follow, smallNode());
    expect(document.result).toMatchObject({ height: "10", verified: { outcome: "exact" }, warnings: [] });
  });

  it("is looked at when it is named, and nothing is written into it", async () => {
    const volume = await volumeAt10();
    await withHandMade(volume);
    const { status, document } = await verify(volume, [...follow, "-s", "20240501"], smallNode());
    expect([status, document.result?.verified.outcome]).toEqual([10, "differs"]);
    expect(document.result?.warnings).toEqual([
      `what came of it is not kept beside the snapshot: btm did not make ${basename(volume)}@20240501`,
    ]);
    const snapshots = await new Btm({ volume }).list();
    expect(snapshots.map(({ height, record }) => [height, record])).toEqual([
      [10n, undefined],
      [20_240_501n, undefined],
    ]);
  });
});

describe("without --follow the command is the check", () => {
  it("and says nothing of the height", async () => {
    const volume = await volumeAt10();
    const good = await verify(volume, [], ["grep", "-qx", "10", "{path}/height"]);
    expect(good.status).toBe(0);
    expect(good.document.result?.verified).toMatchObject({ outcome: "passed", height: null });
    expect((await btm(["list", "-p", volume])).stdout).toMatch(/ checked on /);
    const bad = await verify(volume, [], ["grep", "-qx", "11", "{path}/height"]);
    expect([bad.status, bad.document.result?.verified.outcome]).toEqual([10, "failed"]);
    expect((await btm(["list", "-p", volume])).stdout).toMatch(/ checked on \d{4}-\d\d-\d\d: no good$/m);
  });

  it("and knows by its environment what it looks at", async () => {
    const volume = await volumeAt10();
    const script = 'test "$(cat "$BTM_PATH/height") $BTM_HEIGHT $BTM_VOLUME" = "10 10 $1"';
    expect((await verify(volume, [], ["sh", "-c", script, "sh", volume])).status).toBe(0);
  });
});

it("a program that wants a home finds one that it may write to, where the caller has none", async () => {
  const volume = await volumeAt10();
  const script = 'mkdir ~/.node && test "$HOME" = /tmp';
  expect((await verify(volume, [], ["/bin/sh", "-c", script])).status).toBe(0);
});

describe("inside", () => {
  it("there is no network but loopback, not even that of the machine", async () => {
    const volume = await volumeAt10();
    const server = createServer((_, response) => response.end("here")).listen(0, "127.0.0.1");
    await once(server, "listening");
    onTestFinished(() => void server.close());
    const address = server.address();
    const port = typeof address === "object" ? (address?.port ?? 0) : 0;
    const script = `
      const net = require("node:net");
      const reach = (port, host) => new Promise((resolve) => {
        const socket = net.connect(port, host, () => { socket.destroy(); resolve("reached"); });
        socket.on("error", (error) => resolve(error.code));
      });
      const own = net.createServer((socket) => socket.end()).listen(0, "127.0.0.1", async () => {
        const answers = [await reach(own.address().port, "127.0.0.1"), await reach(${String(port)}, "127.0.0.1"), await reach(53, "192.0.2.1")];
        console.log(JSON.stringify(answers));
        process.exit(1);
      });`;
    const { document } = await verify(volume, [], [process.execPath, "-e", script]);
    expect(document.result?.verified.why).toContain(String.raw`"[\"reached\",\"ECONNREFUSED\",\"ENETUNREACH\"]"`);
  });

  it("nothing but the copy can be written to, and what is told to be writable", async () => {
    const volume = await volumeAt10();
    // Not below /tmp, where everyone may write.
    const outside = await mkdtemp("/var/lib/btm-test-");
    onTestFinished(() => {
      rmSync(outside, { recursive: true });
    });
    mkdirSync(join(outside, "logs"));
    const script =
      'touch "$BTM_PATH/own" && touch "$BTM_VOLUME/own too" && test -e "$BTM_PATH/own too" && ! touch "$1/wallet" && touch /dev/null';
    expect((await verify(volume, [], ["sh", "-c", script, "sh", outside])).document).toMatchObject({ ok: true });
    expect([readdirSync(volume), readdirSync(outside)]).toEqual([["height"], ["logs"]]);
    const logs = join(outside, "logs");
    const writes = ["sh", "-c", 'touch "$1/logs/one" && ! touch "$1/wallet"', "sh", outside];
    expect((await verify(volume, ["--writable", logs], writes)).document).toMatchObject({ ok: true });
    expect([readdirSync(outside), readdirSync(logs)]).toEqual([["logs"], ["one"]]);
  });

  it("where programs of one machine meet is empty, and its own", async () => {
    const volume = await volumeAt10();
    const name = tokenOf();
    const places = ["/run", "/tmp", "/var/tmp", "/dev/shm"];
    const files = places.map((place) => join(place, name));
    onTestFinished(() => {
      for (const file of files) rmSync(file, { force: true });
    });
    for (const file of files) writeFileSync(file, "of the live node");
    const script = `for place in /run /tmp /var/tmp /dev/shm; do
      test ! -e "$place/$1" && touch "$place/$1" && rm "$place/$1" && touch "$place/$1-own" || exit 1; done
      test "$(stat -c %a /tmp /var/tmp /dev/shm | sort -u)" = 1777 && test ! -e /proc/1/cwd/${name}`;
    const { document } = await verify(volume, [], ["sh", "-c", script, "sh", name]);
    expect(document.result?.verified).toMatchObject({ outcome: "passed", why: null });
    expect(files.map((file) => [readFileSync(file, "utf8"), existsSync(`${file}-own`)])).toEqual(
      files.map(() => ["of the live node", false]),
    );
  });

  it("a socket below /run is not reached; a place there that is told to be writable is", async () => {
    const volume = await volumeAt10();
    const folder = await mkdtemp("/run/btm-test-");
    onTestFinished(() => {
      rmSync(folder, { recursive: true });
    });
    const server = createServer().listen(join(folder, "socket"));
    await once(server, "listening");
    onTestFinished(() => void server.close());
    const script = `require("node:net").connect(process.argv[1])
      .on("connect", () => process.exit(0)).on("error", ({ code }) => { console.log(code); process.exit(1); });`;
    const connect = [process.execPath, "-e", script, join(folder, "socket")];
    expect((await verify(volume, [], connect)).document.result?.verified.why).toContain("ENOENT");
    expect((await verify(volume, ["--writable", folder], connect)).document).toMatchObject({ ok: true });
  });

  it("what is told to be writable may be in a temporary directory, or be that", async () => {
    const volume = await volumeAt10();
    const [folder, other] = [await mkdtemp("/tmp/btm-test-"), await mkdtemp("/tmp/btm-test-")];
    onTestFinished(() => {
      for (const place of [folder, other]) rmSync(place, { recursive: true });
    });
    const one = ["sh", "-c", 'touch "$1/one" && test ! -e "$2"', "sh", folder, other];
    expect((await verify(volume, ["--writable", folder], one)).document).toMatchObject({ ok: true });
    const both = ["sh", "-c", 'touch "$1/two" "$2/two"', "sh", folder, other];
    expect((await verify(volume, ["--writable", "/tmp"], both)).document).toMatchObject({ ok: true });
    expect([readdirSync(folder).sort(), readdirSync(other)]).toEqual([["one", "two"], ["two"]]);
  });

  it("the command itself may lie in a temporary directory, and start there", async () => {
    const volume = await volumeAt10();
    const folder = await mkdtemp("/tmp/btm-test-");
    onTestFinished(() => {
      rmSync(folder, { recursive: true });
    });
    const program = join(folder, "check");
    writeFileSync(program, '#!/bin/sh\ntest "$PWD" = "$1" && ! touch "$1/own"\n', { mode: 0o755 });
    const { verified } = await new Btm({ volume }).verify(10, { command: ["./check", folder], folder });
    expect(verified, verified.why).toMatchObject({ outcome: "passed" });
    expect(readdirSync(folder)).toEqual(["check"]);
  });

  it("what is to be writable may be told by a link, and with a slash at its end", async () => {
    const volume = await volumeAt10();
    const outside = await mkdtemp("/var/lib/btm-test-");
    onTestFinished(() => {
      rmSync(outside, { recursive: true });
    });
    mkdirSync(join(outside, "logs"));
    symlinkSync("logs", join(outside, "link"));
    for (const [i, place] of ["logs/", "link", "./logs/../link/"].entries()) {
      const touch = ["touch", join(outside, "link", String(i))];
      const { document } = await verify(volume, ["--writable", `${outside}/${place}`], touch);
      expect(document, place).toMatchObject({ ok: true, result: { warnings: [] } });
    }
    expect(readdirSync(join(outside, "logs"))).toEqual(["0", "1", "2"]);
  });

  it("only the processes of the check are seen, and none of them is left", async () => {
    const volume = await volumeAt10();
    const script = 'test "$(ls -d /proc/[0-9]* | wc -l)" -lt 8 && kill -0 1';
    expect((await verify(volume, [], ["sh", "-c", script])).document).toMatchObject({ ok: true });
  });
});

describe("stopped in the middle", () => {
  it("by Ctrl-C it leaves nothing, and no record", async () => {
    const volume = await volumeAt10();
    const { child, token } = await startMute(volume);
    child.kill("SIGINT");
    await once(child, "close");
    expect([child.exitCode, processesWith(token), leftBeside(volume)]).toEqual([130, [], []]);
    expect((await new Btm({ volume }).list())[0]?.record).toBeUndefined();
  });

  it.each(["recover", "verify"])("by kill -9 no process is left, and btm %s destroys the copy", async (next) => {
    const volume = await volumeAt10();
    const { child, token } = await startMute(volume);
    child.kill("SIGKILL");
    await once(child, "close");
    await until(() => processesWith(token).length === 0);
    expect((await btm(["list", "-p", volume])).stdout).toContain("btm/open-10, by btm verify or btm bisect\n");
    const said = "the copy of 10, which an interrupted check had left";
    expect((await btm(["recover", "-p", volume, "--dry-run"])).stderr).toContain(`Would destroy ${said}`);
    const args = next === "recover" ? ["recover", "-p", volume] : ["verify", "-p", volume, "--", "true"];
    const { status, stderr } = await btm(args, { env: { PATH: "/usr/bin" } });
    expect([status, stderr]).toEqual([0, `Destroyed ${said}\n`]);
    expect(leftBeside(volume)).toEqual([]);
  });

  it("nobody else takes the copy of one that is at work for one that was left", async () => {
    const volume = await volumeAt10();
    const { child, token } = await startMute(volume);
    expect((await verify(volume, [], ["true"])).document).toMatchObject({ ok: false, error: { code: "NAME_TAKEN" } });
    expect((await btm(["recover", "-p", volume])).stdout).toContain("is whole");
    expect((await btm(["close", "-p", volume, "-s", "10"])).status).toBe(5);
    expect(processesWith(token).length).toBeGreaterThan(0);
    child.kill("SIGTERM");
    await once(child, "close");
    expect(leftBeside(volume)).toEqual([]);
  });
});

it("leaves alone what the user has opened", async () => {
  const volume = await volumeAt10();
  const { stdout } = await btm(["open", "-p", volume, "-s", "10"]);
  const path = stdout.trim();
  writeFileSync(join(path, "height"), "mine");
  expect((await verify(volume, [], ["true"])).document).toMatchObject({ ok: false, error: { code: "NAME_TAKEN" } });
  await btm(["recover", "-p", volume]);
  expect(readFileSync(join(path, "height"), "utf8")).toBe("mine");
  expect((await btm(["close", "-p", volume, "-s", "10"])).status).toBe(0);
});

it("lets the volume be snapshotted and rolled back meanwhile", async () => {
  const volume = await volumeAt10();
  await snapshotAt(volume, volume, 20, factsAt(20));
  const { child } = await startMute(volume);
  expect((await btm(["snapshot", "-p", volume, "-s", "30"])).status).toBe(0);
  expect((await btm(["rollback", "-p", volume, "-s", "10"])).status).toBe(0);
  child.kill("SIGTERM");
  await once(child, "close");
  expect([child.exitCode, await new Btm({ volume }).clones()]).toEqual([130, []]);
});

it("refuses what it cannot start a node with", async () => {
  const volume = await volumeAt10();
  const refusals: string[] = [];
  for (const args of [
    ["verify", "-p", volume],
    ["verify", "-p", volume, "--chain", "evm", "--", "true"],
    ["verify", "-p", volume, ...follow, "--chain", "evn", "--", "true"],
    ["verify", "-p", volume, "--follow", "ftp://node", "--", "true"],
    ["verify", "-p", volume, "--timeout", "soon", "--", "true"],
    ["verify", "-p", volume, "--writable", "logs", "--", "true"],
    ["verify", "-p", volume, "-s", "15", "--", "true"],
    ["verify", "-p", await image.makeSubvolume("empty"), "--", "true"],
  ]) {
    const { status, stdout, stderr } = await btm(args);
    expect(stdout).toBe("");
    refusals.push(`${stderr.replaceAll(volume, "$VOLUME").replaceAll(image.top, "$TOP")}exit ${String(status)}`);
  }
  expect(refusals).toMatchSnapshot();
});

/** A verification whose node never answers, in the middle of it. */
async function startMute(volume: string): Promise<{ child: ReturnType<typeof spawn>; token: string }> {
  const token = tokenOf();
  const args = ["verify", "-p", volume, ...follow, "--", ...smallNode({ isMute: true, token, leavesSomething: true })];
  const child = spawn(EXECUTABLE, args, { stdio: ["ignore", "ignore", "pipe"], env: { PATH: "/usr/bin:/bin" } });
  onTestFinished(() => void child.kill("SIGKILL"));
  const said = text(child.stderr);
  // Its log is the first that it writes.
  const isThere = (): boolean => leftBeside(volume).some((name) => existsSync(join(`${volume}.btm`, name, "log")));
  await until(async () => {
    if (child.exitCode !== null) throw new Error(await said);
    return existsSync(`${volume}.btm`) && isThere();
  });
  return { child, token };
}

function tokenOf(): string {
  return `token-${randomBytes(6).toString("hex")}`;
}

function processesWith(token: string): string[] {
  return readdirSync("/proc").filter((pid) => {
    if (!/^\d+$/.test(pid)) return false;
    try {
      const line = readFileSync(`/proc/${pid}/cmdline`, "utf8");
      // btm itself has it among its arguments.
      return line.includes(token) && !line.startsWith(EXECUTABLE);
    } catch {
      return false;
    }
  });
}

async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await isSo())) await sleep(20);
}
