/**
 * Started detached by the harness with a folder and the reading end of a pipe. The pipe ends when the harness closes it,
 * and just as well when the process of the harness is killed in any way: then everything in the folder is taken down.
 */
import { sweep } from "./sweep.ts";

const folder = process.argv[2];
if (folder === undefined) throw new TypeError("A folder is needed");
// A Ctrl-C in the terminal reaches the whole session of the tests; whoever cleans up after them must outlive it.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => undefined);
process.stdin.resume();
process.stdin.on("end", () => {
  sweep(folder).then(
    (isClean) => process.exit(isClean ? 0 : 1),
    () => process.exit(2),
  );
});
