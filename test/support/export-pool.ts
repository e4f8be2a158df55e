import { spawnSync } from "node:child_process";

/**
 * Exports a pool of which nothing is in use. While threads of the pool's own let go of it, the kernel says that it is busy,
 * which OpenZFS's own tests wait for as well (log_must_busy in tests/test-runner/include/logapi.shlib). All at once, for a
 * step of btm to wait for it.
 *
 * @throws with what zpool said last
 */
export function exportPool(name: string, ...options: readonly string[]): void {
  for (const deadline = Date.now() + DEADLINE_MS; ;) {
    const { status, stderr } = spawnSync("zpool", ["export", ...options, name], { encoding: "utf8" });
    if (status === 0) return;
    if (!stderr.includes("busy") || Date.now() > deadline) throw new Error(`zpool export ${name}: ${stderr}`);
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, PAUSE_MS);
  }
}

const DEADLINE_MS = 60_000;
const PAUSE_MS = 100;
