import { unescapeOctal } from "../../sys/mounts.ts";
import { escapeText, quote } from "../../text.ts";

/**
 * What to warn of in /etc/fstab: an entry that names the subvolume by its id would mount the old state at the next boot.
 *
 * @param root the path of the volume in its file system
 */
export function fstabWarnings(fstab: string, path: string, root: string): string[] {
  return fstab.split("\n").flatMap((line) => {
    const [, mountPoint = "", type, options = ""] = line.trim().split(/\s+/);
    // Blanks are octal there as in mountinfo (fstab(5)).
    if (unescapeOctal(mountPoint) !== path || type !== "btrfs" || !/(^|,)subvolid=/.test(options)) return [];
    const instead = `subvol=${escapeText(root.replace(/^\//, ""))}`;
    return [
      `/etc/fstab mounts ${quote(path)} by subvolid=, which leads to the old state at the next boot: write ${instead} instead`,
    ];
  });
}
