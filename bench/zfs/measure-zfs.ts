import { ZfsPool } from "../../test/support/zfs-pool.ts";
import type { Line } from "../lib/row.ts";
import type { Tools } from "../lib/tools.ts";
import { measureClean } from "./clean.ts";
import { measureList } from "./list.ts";
import { measureRollback } from "./rollback.ts";
import { measureSnapshot } from "./snapshot.ts";

export type ZfsTools = Pick<Tools, "measure" | "executable">;

/** All rows of ZFS, each on datasets of its own, in a pool in a file. */
export async function measureZfs(tools: ZfsTools): Promise<Line[]> {
  const pool = await ZfsPool.make({ sizeMiB: 4096 });
  try {
    return [
      ...(await measureSnapshot(tools, pool)),
      ...(await measureList(tools, pool)),
      ...(await measureClean(tools, pool)),
      ...(await measureRollback(pool)),
    ];
  } finally {
    await pool.dispose();
  }
}
