import { createHash } from "node:crypto";
import { lstatSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";

import { SUBVOLUME_INODE, subvolumeInfo } from "../../src/sys/btrfs.ts";
import { withDirectory } from "../../src/sys/directory.ts";
import { fileSystemAt } from "../../src/sys/file-system.ts";
import { AT_FDCWD, getAttribute } from "../../src/sys/libc.ts";
import { listAttributes } from "./list-attributes.ts";

export interface ManifestOptions {
  /**
   * For "nothing was changed": times, attributes and identities of subvolumes count too. Without it, what counts is what a
   * program reads: names, kinds, modes, owners, contents.
   */
  readonly exact?: boolean;
}

/** One line for each thing below a folder, the folder itself included; two manifests are equal when the trees are. */
export function manifestOf(folder: string, options: ManifestOptions = {}): string[] {
  const { exact = false } = options;
  const lines: string[] = [];
  const visit = (path: string, name: string): void => {
    const stat = lstatSync(path, { bigint: true });
    const facts = [JSON.stringify(name), stat.mode.toString(8), stat.uid, stat.gid];
    if (exact) facts.push(stat.mtimeNs, stat.ctimeNs);
    if (stat.isFile()) facts.push(stat.size, createHash("sha256").update(readFileSync(path)).digest("hex"));
    if (stat.isSymbolicLink()) facts.push(readlinkSync(path));
    if (exact && stat.isDirectory()) facts.push(...hiddenFacts(path, isSubvolume(path, stat.ino)));
    lines.push(facts.join(" "));
    if (!stat.isDirectory()) return;
    for (const entry of readdirSync(path).sort()) visit(join(path, entry), name === "." ? entry : `${name}/${entry}`);
  };
  visit(folder, ".");
  return lines;
}

/** Other file systems number what they like by that. */
function isSubvolume(path: string, inode: bigint): boolean {
  return inode === SUBVOLUME_INODE && fileSystemAt(path) === "btrfs";
}

function hiddenFacts(path: string, hasIdentity: boolean): string[] {
  return withDirectory(AT_FDCWD, path, (fd) => {
    const attributes = listAttributes(fd).map((name) => `${name}=${getAttribute(fd, name) ?? ""}`);
    if (!hasIdentity) return attributes;
    const { id, uuid, readOnly } = subvolumeInfo(fd);
    return [...attributes, String(id), uuid, readOnly ? "read-only" : "writable"];
  });
}

/** The extended attributes of a directory whose names start with the prefix. */
export function attributesOf(path: string, prefix = "user.btm"): Record<string, string> {
  return withDirectory(AT_FDCWD, path, (fd) =>
    Object.fromEntries(
      listAttributes(fd)
        .filter((name) => name.startsWith(prefix))
        .map((name) => [name, getAttribute(fd, name) ?? ""]),
    ),
  );
}
