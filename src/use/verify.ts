import { checkCallOptions } from "../call-options.ts";
import { runIsolated } from "../check/isolated.ts";
import { lastLines } from "../check/finding.ts";
import { checkReached } from "../check/reached.ts";
import { verdictOf, wantedOf, type Known } from "../check/verdict.ts";
import { checkCommand, checkFollow, checkMarkedFamily, jobOf, nodeJobOf } from "../check/wishes.ts";
import type { Snapshot } from "../driver/driver.ts";
import { BtmError } from "../errors.ts";
import { type HeightInput, parseHeight } from "../height.ts";
import type { Verified } from "../record.ts";
import type { VerifyOptions, VerifyResult } from "../results.ts";
import type { Session } from "../session.ts";
import { escapeText } from "../text.ts";
import { closeCopy, NOT_KEPT, openCopy } from "./copies.ts";
import { isOurs, type Use } from "./use.ts";

/** Starts a node on a copy of a snapshot, sees where it stands, and keeps that beside the snapshot. */
export async function verify(use: Use, height: HeightInput | undefined, options: VerifyOptions): Promise<VerifyResult> {
  checkCallOptions("verify", options, {
    command: "any",
    env: "any",
    folder: "any",
    timeoutMs: "any",
    writable: "any",
    follow: "any",
  });
  const { follow, signal } = options;
  const asked = height === undefined ? undefined : parseHeight(height);
  checkCommand(options);
  if (follow !== undefined) checkFollow(follow);
  const copy = await openCopy(use, asked, "verify", signal, ({ mark }) => {
    if (follow !== undefined) checkMarkedFamily(follow, mark?.node?.family);
  });
  const { snapshot, path } = copy;
  const warnings: string[] = [];
  let verified: Verified | undefined;
  let said: string[];
  try {
    const known = knownOf(snapshot);
    const node = follow === undefined ? null : nodeJobOf(follow, path, known.node?.family, wantedOf(known));
    const job = jobOf(options, { ...copy, height: snapshot.height }, node);
    const report = await runIsolated(job, signal);
    warnings.push(...report.warnings);
    checkReached(report.answer, node);
    said = lastLines(report.answer, SAID_LINES);
    verified = verdictOf(known, report.answer, follow !== undefined, new Date());
  } finally {
    const learnt = verified;
    const isKept = learnt !== undefined && isOurs(snapshot);
    const learn = isKept ? (session: Session) => keep(session, snapshot, learnt) : undefined;
    if (learnt !== undefined && !isKept) warnings.push(`${NOT_KEPT}: btm did not make ${escapeText(snapshot.name)}`);
    warnings.push(...(await closeCopy(use, copy, learn)));
  }
  return { height: snapshot.height, name: snapshot.name, verified, said, warnings, recovered: copy.recovered };
}

const SAID_LINES = 20;

function knownOf({ height, mark, record }: Snapshot): Known {
  return { height, node: mark?.node, after: record?.after };
}

/** The snapshot may have been moved aside by a rollback meanwhile. */
async function keep({ volume }: Session, { uuid, name }: Snapshot, verified: Verified): Promise<void> {
  const snapshot = (await volume.snapshots()).find((one) => one.uuid === uuid);
  if (snapshot === undefined) throw new BtmError("NO_SUCH_SNAPSHOT", `${name} is no snapshot of the volume any more`);
  await volume.describe(snapshot, { ...snapshot.record, btm: 1, verified });
}
