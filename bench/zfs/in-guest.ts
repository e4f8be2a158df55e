/**
 * Measures the rows of ZFS where it is run, and writes them into a file as JSON.
 *
 * usage: in-guest.ts FILE MEASURE EXECUTABLE
 */
import { writeFile } from "node:fs/promises";

import { measureZfs } from "./measure-zfs.ts";

const [file, measure, executable] = process.argv.slice(2);
if (file === undefined || measure === undefined || executable === undefined) {
  throw new Error("usage: in-guest.ts FILE MEASURE EXECUTABLE");
}
await writeFile(file, JSON.stringify(await measureZfs({ measure, executable })));
