import type { Snapshot } from "../driver/driver.ts";
import { BtmError } from "../errors.ts";
import type { Height } from "../height.ts";
import { quote } from "../text.ts";

export interface Choice {
  readonly target: Snapshot;
  /** How it answers what was asked. */
  readonly choice: "latest" | "exact" | "nearest-below";
}

/**
 * The snapshot that a rollback goes to. One of exactly that height is taken, marked or not, for the user named it. The
 * latest and the nearest below are marked ones as long as there is any: "data@20240501" made by hand is no height, but
 * those the original btm made can be rolled back to before they are adopted.
 *
 * @param snapshots ascending by height
 * @param asked undefined for the latest
 * @throws BtmError NO_SNAPSHOTS, NO_SUCH_SNAPSHOT (strict), NOTHING_BELOW
 */
export function chooseTarget(
  volume: string,
  snapshots: readonly Snapshot[],
  asked: Height | undefined,
  strict: boolean,
): Choice {
  const first = snapshots[0];
  if (first === undefined) {
    throw new BtmError("NO_SNAPSHOTS", `Cannot roll back ${quote(volume)}: it has no snapshots`, {
      hint: "Take one with btm snapshot -s HEIGHT; it cannot help against what has happened before",
    });
  }
  if (asked === undefined) return { target: newestOf(snapshots) ?? first, choice: "latest" };

  const exact = snapshots.find((snapshot) => snapshot.height === asked);
  if (exact !== undefined) return { target: exact, choice: "exact" };

  const below = snapshots.filter((snapshot) => snapshot.height < asked);
  const target = newestOf(below);
  if (strict) {
    throw new BtmError(
      "NO_SUCH_SNAPSHOT",
      `Cannot roll back ${quote(volume)} to ${String(asked)}: there is no snapshot of exactly that height`,
      {
        hint:
          target === undefined
            ? `The lowest is ${String(first.height)}`
            : `The nearest below is ${String(target.height)}; without --strict it is used`,
        details: { asked: String(asked) },
      },
    );
  }
  if (target === undefined) {
    throw new BtmError(
      "NOTHING_BELOW",
      `Cannot roll back ${quote(volume)} to ${String(asked)}: every snapshot is above it`,
      {
        hint: `The lowest is ${String(first.height)}`,
        details: { asked: String(asked), lowest: String(first.height) },
      },
    );
  }
  return { target, choice: "nearest-below" };
}

function newestOf(snapshots: readonly Snapshot[]): Snapshot | undefined {
  return snapshots.findLast((snapshot) => snapshot.mark !== undefined) ?? snapshots.at(-1);
}
