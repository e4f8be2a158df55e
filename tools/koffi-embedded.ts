/**
 * Stands for koffi in the stand-alone executable: its native part alone, which is the whole of its API but for deprecated
 * names. koffi's own loader looks for files beside itself, and an executable has none.
 *
 * Left to itself bun writes an embedded library to the temporary directory and loads it from there, which fails when the
 * disk is full or /tmp is mounted noexec: just when btm is needed. So it is loaded from memory; measured: as fast.
 */
import { closeSync, readFileSync, writeSync } from "node:fs";

import { dlopen } from "bun:ffi";
import embedded from "koffi-native" with { type: "file" };

const MFD_CLOEXEC = 1;
const libc = dlopen("libc.so.6", { memfd_create: { args: ["ptr", "u32"], returns: "i32" } });
const fd = libc.symbols.memfd_create(Buffer.from("koffi\0"), MFD_CLOEXEC);
if (fd < 0) throw new Error("memfd_create failed");
const library = readFileSync(embedded);
for (let at = 0; at < library.length; at += writeSync(fd, library, at));
const native = { exports: {} };
process.dlopen(native, `/proc/self/fd/${String(fd)}`);
closeSync(fd);

export default native.exports;
