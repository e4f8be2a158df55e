/**
 * Started detached by the harness with a pool, its folder and the reading end of a pipe. The pipe ends when the harness
 * closes it, and just as well when the process of the harness is killed in any way: then the pool is taken down.
 */
import { takeDownPool } from "./take-down-pool.ts";

const [pool, folder] = process.argv.slice(2);
if (pool === undefined || folder === undefined) throw new TypeError("A pool and its folder are needed");
// A Ctrl-C in the terminal reaches the whole session of the tests; whoever cleans up after them must outlive it.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => undefined);
process.stdin.resume();
process.stdin.on("end", () => {
  takeDownPool(pool, folder).then(
    (isClean) => process.exit(isClean ? 0 : 1),
    () => process.exit(2),
  );
});
