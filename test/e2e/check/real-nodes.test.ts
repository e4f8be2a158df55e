/** btm verify with real nodes: what their snapshots hold, and do not. */
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { mkdir, realpath } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setImmediate, setTimeout as sleep } from "node:timers/promises";
import { beforeAll, describe, expect, it, onTestFinished } from "vitest";

import { Btm } from "../../../src/index.ts";
import { FOLDER_PREFIX, startWatchdog } from "../../../tools/demo/cleanup.ts";
import { Litecoind } from "../../../tools/demo/litecoind.ts";
import { LITECOIND } from "../../../tools/demo/machine.ts";
import type { Stage } from "../../../tools/demo/run.ts";
import { BtrfsImage } from "../../support/btrfs-image.ts";
import { btm } from "../../support/executable.ts";
import { verify } from "../../support/verified-volume.ts";

let image: BtrfsImage;
let stage: Stage;

beforeAll(async () => {
  const folder = join(await realpath(tmpdir()), FOLDER_PREFIX + randomBytes(6).toString("hex"));
  // It ends the node that a failed test leaves running, which would keep the image from being taken down.
  const watchdog = startWatchdog(folder);
  await mkdir(folder);
  stage = { folder, signal: new AbortController().signal, env: {} };
  image = await BtrfsImage.make({ sizeMiB: 1500 });
  return async () => {
    expect(await watchdog.clearAway()).toBe(true);
    await image.dispose();
  };
});

describe("litecoind", () => {
  const flags = ["-regtest", "-listen=0", "-dnsseed=0", "-disablewallet", "-printtoconsole=0", "-vbparams=mweb:-2:0"];
  const command = [LITECOIND, ...flags, "-datadir={path}", "-rpcport=19443"];
  const follow = ["--follow", "http://127.0.0.1:19443", "--cookie", "regtest/.cookie"];

  it("flushed before the snapshot stands exactly there; not flushed it does not, and is not called good", async () => {
    const volume = await image.makeSubvolume("litecoin");
    const library = new Btm({ volume });
    const node = await Litecoind.start(stage, volume);
    await node.mine(30);
    const tip = await node.flush();
    const facts = { family: "bitcoin", before: String(tip.height), hash: tip.hash, quiesce: "flush" } as const;
    await library.snapshot(tip.height, { node: facts });
    await node.mine(30);
    const unflushed = await node.tip();
    await library.snapshot(unflushed.height, {
      node: { ...facts, before: String(unflushed.height), hash: unflushed.hash },
    });

    const exact = await verify(volume, ["-s", String(tip.height), ...follow], command);
    expect(exact.document.result?.verified, exact.stdout).toMatchObject({
      outcome: "exact",
      height: "30",
      hash: tip.hash,
    });
    expect(exact.status).toBe(0);

    // The newest, and its family and cookie told as the node has them.
    const cookie = join(volume, "regtest", ".cookie");
    const options = ["--follow", "http://127.0.0.1:19443", "--cookie", cookie, "--chain", "bitcoin"];
    const live = [LITECOIND, ...flags, `-datadir=${volume}`, "-rpcport=19443"];
    const differs = await verify(volume, options, live);
    expect(differs.document, differs.stdout).toMatchObject({
      ok: false,
      error: { code: "VERIFY_FAILED" },
      result: {
        height: "60",
        verified: { outcome: "differs", height: "30", why: "the node stands at 30, expected 60 or more" },
      },
    });
    expect(differs.status).toBe(10);

    // The node that is live has noticed nothing of it.
    await node.mine(1);
    expect((await node.tip()).height).toBe(61);
    await node.stop();
    const listed = (await btm(["list", "-p", volume])).stdout;
    expect(listed).toMatch(
      /\n +30 .* verified on [\d-]+: stands at 30\n +60 .* verified on [\d-]+: not so, stands at 30\n/,
    );
  });

  it("without a flush on a young chain comes back at 0", async () => {
    const volume = await image.makeSubvolume("young");
    const node = await Litecoind.start(stage, volume);
    await node.mine(20);
    await new Btm({ volume }).snapshot(20);
    await node.stop();
    const { status, document } = await verify(volume, follow, command);
    expect([status, document.result?.verified.outcome, document.result?.verified.height]).toEqual([10, "differs", "0"]);
  });
});

const anvil = anvilFile();
if (anvil === undefined) console.error("\n*** NOT TESTED: anvil, which has no binary for this machine ***\n");

describe.skipIf(anvil === undefined)("anvil, which writes its state anew in place", () => {
  const PORT = 18_546;
  const flags = ["--silent", "--host", "127.0.0.1", "--port", String(PORT)];

  it("stands where it was, of a snapshot with the whole file; one caught in the middle is not called good", async () => {
    const volume = await image.makeSubvolume("anvil");
    const state = join(volume, "state.json");
    const library = new Btm({ volume });
    const node = spawn(anvil ?? "", [...flags, "--state", state, "--state-interval", "1"], { stdio: "ignore" });
    onTestFinished(() => void node.kill("SIGKILL"));
    await answers(node, PORT);
    // Some 60 MB of state, which takes a while to write.
    for (let i = 0; i < 60; i++) await call(PORT, "anvil_setCode", [address(i), `0x${"60".repeat(500_000)}`]);
    await call(PORT, "anvil_mine", ["0x14"]);
    // It writes the file from its beginning, once a second. It is held for as long as a snapshot takes, at the end of that
    // and in the middle of it: left to chance it takes a few tries.
    await haltWhen(node, () => lastBlockIn(state) === 20);
    const { size } = statSync(state);
    await library.snapshot(20);
    node.kill("SIGCONT");
    await haltWhen(node, () => statSync(state).size < size);
    await library.snapshot(30);
    node.kill("SIGKILL");
    await once(node, "close");

    const command = [anvil ?? "", ...flags, "--state", "{path}/state.json"];
    const follow = ["--follow", `http://127.0.0.1:${String(PORT)}`];
    const whole = await verify(volume, ["-s", "20", ...follow], command);
    expect(whole.document.result?.verified, whole.stdout).toMatchObject({ outcome: "exact", height: "20" });
    const caught = await verify(volume, ["-s", "30", ...follow], command);
    expect(caught.document.result?.verified, caught.stdout).toMatchObject({ outcome: "failed" });
    expect([caught.status, caught.document.ok, caught.document.error?.code]).toEqual([10, false, "VERIFY_FAILED"]);
  });
});

/** npm installs the one of this machine, and no other. */
function anvilFile(): string | undefined {
  const kind = `${process.platform}-${process.arch === "x64" ? "amd64" : process.arch}`;
  try {
    const file = createRequire(import.meta.url).resolve(`@foundry-rs/anvil-${kind}/package.json`);
    const binary = join(dirname(file), "bin", "anvil");
    return existsSync(binary) ? binary : undefined;
  } catch {
    return undefined;
  }
}

async function call(port: number, method: string, params: readonly unknown[]): Promise<unknown> {
  const response = await fetch(`http://127.0.0.1:${String(port)}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ jsonrpc: "2.0", id: 1, method, params }),
  });
  const { result, error } = (await response.json()) as { result?: unknown; error?: { message: string } };
  if (error !== undefined) throw new Error(`${method}: ${error.message}`);
  return result;
}

async function answers(node: ChildProcess, port: number): Promise<void> {
  for (;;) {
    if (node.exitCode !== null) throw new Error(`anvil ended with ${String(node.exitCode)}`);
    try {
      await call(port, "eth_chainId", []);
      return;
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
      await sleep(20);
    }
  }
}

function address(i: number): string {
  return `0x${(i + 4096).toString(16).padStart(40, "0")}`;
}

/** Halts a process at a moment when something is so. */
async function haltWhen(node: ChildProcess, isSo: () => boolean): Promise<void> {
  const tasks = `/proc/${String(node.pid)}/task`;
  const isHalted = (task: string): boolean => /^State:\tT/m.test(readFileSync(`${tasks}/${task}/status`, "utf8"));
  for (;;) {
    while (!isSo()) await setImmediate();
    node.kill("SIGSTOP");
    while (!readdirSync(tasks).every(isHalted)) await setImmediate();
    if (isSo()) return;
    node.kill("SIGCONT");
  }
}

/** The block that a whole state is of; undefined when it is not whole. */
function lastBlockIn(file: string): number | undefined {
  try {
    return Number((JSON.parse(readFileSync(file, "utf8")) as { best_block_number: string }).best_block_number);
  } catch {
    return undefined;
  }
}
