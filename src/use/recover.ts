import { checkCallOptions } from "../call-options.ts";
import { BtmError } from "../errors.ts";
import type { RecoverOptions, RecoverResult } from "../results.ts";
import { pendingStarts, startNoted } from "../rollback/services.ts";
import { quote } from "../text.ts";
import type { Use } from "./use.ts";

export async function recover({ run, onStep }: Use, options: RecoverOptions): Promise<RecoverResult> {
  checkCallOptions("recover", options, { dryRun: "boolean" });
  const { dryRun = false, signal } = options;
  // It asks the kernel who is at work: not to be loaded with the library.
  const { clearLeftCopies, leftCopies } = await import("./copies.ts");
  const { name, recovered } = await run(signal, async (session) => {
    if (dryRun) {
      const starts = pendingStarts(session.volume.name).map((start) => `Would ${start}`);
      return {
        name: session.volume.name,
        recovered: [...(await session.volume.pending()), ...(await leftCopies(session.volume)), ...starts],
      };
    }
    await session.lock();
    await clearLeftCopies(session);
    return { name: session.volume.name, recovered: session.recovered };
  });
  if (dryRun) return { recovered, dryRun };
  // The volume is let go of: a unit may wait for what wants its lock.
  const { done, warnings } = await startNoted(name, onStep);
  const all = [...recovered, ...done];
  if (warnings.length === 0) return { recovered: all, dryRun };
  throw new BtmError("SERVICE_FAILED", `${quote(name)} is recovered, but ${warnings.join("; ")}`, {
    hint: "Start them by hand",
    details: { recovered: all, warnings },
  });
}
