import { readdirSync, readFileSync } from "node:fs";

/** A line of /proc/self/mountinfo, proc(5). */
export interface Mount {
  readonly id: bigint;
  /** The directory of the file system that is shown here; of Btrfs, with the path of the subvolume. */
  readonly root: string;
  readonly mountPoint: string;
  /** Of this mount: rw, noatime, nosuid and the like. */
  readonly options: readonly string[];
  readonly type: string;
  readonly source: string;
  /** Of the whole file system. */
  readonly superOptions: readonly string[];
  /** major:minor of the file system; the same for all subvolumes of a Btrfs. */
  readonly device: string;
}

export function readMounts(): Mount[] {
  return parseMounts(readFileSync("/proc/self/mountinfo", "utf8"));
}

export function parseMounts(text: string): Mount[] {
  return text.split("\n").flatMap((line) => {
    // 36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue
    const [before, after] = line.split(" - ");
    const [id, , device, root, mountPoint, options] = before?.split(" ") ?? [];
    const [type, source, superOptions] = after?.split(" ") ?? [];
    if (id === undefined || root === undefined || mountPoint === undefined || type === undefined) return [];
    return [
      {
        id: BigInt(id),
        root: unescapeOctal(root),
        mountPoint: unescapeOctal(mountPoint),
        options: options?.split(",") ?? [],
        type,
        source: unescapeOctal(source ?? ""),
        superOptions: superOptions?.split(",") ?? [],
        device: device ?? "",
      },
    ];
  });
}

/** What stat(2) gives as st_dev for a major:minor of mountinfo (gnu_dev_makedev in sys/sysmacros.h of glibc). */
export function deviceNumber(device: string): bigint {
  const [major = 0n, minor = 0n] = device.split(":").map(BigInt);
  return (minor & 0xffn) | ((major & 0xfffn) << 8n) | ((minor & ~0xffn) << 12n) | ((major & ~0xfffn) << 32n);
}

/** The kernel writes blank, tab, newline and backslash as three octal digits (mangle() in fs/seq_file.c). */
export function unescapeOctal(field: string): string {
  return field.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(parseInt(octal, 8)));
}

/** The MOUNT_ATTR_* of linux/mount.h that say the same as the options of a mount. */
export function mountAttributes(options: readonly string[]): number {
  const time = options.includes("noatime") ? NOATIME : options.includes("relatime") ? 0 : STRICTATIME;
  return options.reduce((attributes, option) => attributes | (ATTRIBUTES[option] ?? 0), time);
}

const NOATIME = 0x10;
const STRICTATIME = 0x20;
const ATTRIBUTES: Readonly<Record<string, number>> = {
  ro: 0x1,
  nosuid: 0x2,
  nodev: 0x4,
  noexec: 0x8,
  nodiratime: 0x80,
  nosymfollow: 0x20_0000,
};

/** The loop devices and the files that they show, by /sys/block. */
export function readLoopDevices(): { readonly device: string; readonly file: string }[] {
  return readdirSync("/sys/block").flatMap((name) => {
    try {
      return [
        {
          device: `/dev/${name}`,
          file: readFileSync(`/sys/block/${name}/loop/backing_file`, "utf8").replace(/\n$/, ""),
        },
      ];
    } catch {
      // No loop device, or one without a file.
      return [];
    }
  });
}

/** What is in use for swapping, by its path. */
export function readSwapFiles(): string[] {
  // Filename Type Size Used Priority, a header first; blanks in names as in mountinfo (swap_show() in mm/swapfile.c)
  const [, ...lines] = readFileSync("/proc/swaps", "utf8").trimEnd().split("\n");
  return lines.flatMap((line) => {
    const [name] = line.split(/\s/);
    return name === undefined ? [] : [unescapeOctal(name)];
  });
}
