import { type Mount } from "../sys/mounts.ts";

/**
 * The folder of a control group of version 2; undefined when no mount shows it.
 *
 * @param group as systemd tells it and /proc/PID/cgroup has it: "/system.slice/node.service"
 * @example
 * groupFolder(readMounts(), "/system.slice/node.service"); // "/sys/fs/cgroup/system.slice/node.service"
 */
export function groupFolder(mounts: readonly Mount[], group: string): string | undefined {
  // Beside version 1 it is mounted at /sys/fs/cgroup/unified. In a container a mount may show a part of it only.
  const mount = mounts.find(({ type, root }) => type === "cgroup2" && isWithin(group, root));
  if (mount === undefined) return undefined;
  const below = mount.root === "/" ? group : group.slice(mount.root.length);
  return `${mount.mountPoint === "/" ? "" : mount.mountPoint}${below}`;
}

/** Whether a control group is another one or below it. */
export function isWithin(group: string, other: string): boolean {
  return other === "/" || group === other || group.startsWith(`${other}/`);
}

/** Whether it is one of a unit: not the root, which holds everything, and no way out of it. */
export function isOfUnit(group: string): boolean {
  return /^(\/[^/]+)+$/.test(group) && !group.split("/").some((part) => part === ".." || part === ".");
}

/** What cgroup.events says (Documentation/admin-guide/cgroup-v2.rst of Linux). */
export interface GroupEvents {
  /** Whether there are processes in it, or below. */
  readonly isPopulated: boolean;
  /** Whether all of them stand still: not only asked to, but all have stopped. */
  readonly isFrozen: boolean;
}

export function parseEvents(text: string): GroupEvents {
  return { isPopulated: /^populated 1$/m.test(text), isFrozen: /^frozen 1$/m.test(text) };
}
