import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { expect, it } from "vitest";

import { guestEnvironment } from "../../tools/guest-environment.ts";
import type { OldKernelRollback } from "../support/fixtures/old-kernel-rollback.ts";
import { run } from "../support/run.ts";

const lab = process.env["BTM_LAB"] ?? fileURLToPath(new URL("../../../shared/lab", import.meta.url));
const fixture = fileURLToPath(new URL("../support/fixtures/old-kernel-rollback.ts", import.meta.url));

it.skipIf(!existsSync(join(lab, "zfs-run")))(
  "a rollback of a mount point on a real Linux 6.1, which has no MOVE_MOUNT_BENEATH",
  async () => {
    const shared = mkdtempSync(join(tmpdir(), "btm-lab-"));
    try {
      // The one shell is the guest's own; both words are paths of ours.
      const line = `'${process.execPath}' '${fixture}'`;
      const told = await run(join(lab, "zfs-run"), ["-w", shared, line], await guestEnvironment());
      const result = JSON.parse(told.trim().split("\n").at(-1) ?? "") as OldKernelRollback;
      expect(result.kernel).toMatch(/^6\.1\./);
      expect(result.steps).not.toContain("attach beneath");
      expect(result.steps.filter((step) => step === "mount")).toHaveLength(2);
      expect(result.read).toEqual(["10", "20"]);
      expect(result.mounts).toEqual([["rw", "nosuid", "noatime"]]);
    } finally {
      rmSync(shared, { recursive: true });
    }
  },
);
