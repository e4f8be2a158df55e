import { execFileSync } from "node:child_process";

/**
 * A command before the command that makes the kernel answer the first move_mount(2) as one before Linux 6.5 does, which does not
 * know MOVE_MOUNT_BENEATH. On a real old kernel: test/fs/lab.test.ts.
 */
export const asOnOldKernel = [
  "strace",
  ...["-f", "--seccomp-bpf", "-qq", "-o", "/dev/null"],
  ...["-e", "trace=move_mount", "-e", "inject=move_mount:error=EINVAL:when=1"],
];

export function hasStrace(): boolean {
  try {
    execFileSync("strace", ["-V"], { stdio: "ignore" });
    return true;
  } catch {
    // Not installed: only the lab shows it then.
    return false;
  }
}
