import type { NodeFacts } from "../node-facts.ts";
import { MAX_WHY, type SnapshotRecord, type Verified } from "../record.ts";
import { quote } from "../text.ts";
import { whyOf } from "./finding.ts";
import type { Answer, NodeJob } from "./job.ts";

/** What is known of where the node stood when the snapshot was taken. */
export interface Known {
  /** Of the snapshot. */
  readonly height: bigint;
  readonly node: NodeFacts | undefined;
  readonly after: SnapshotRecord["after"];
}

export interface ExpectedHeights {
  readonly low: bigint;
  /** Undefined when nobody knows how far the node had come by the moment of the snapshot: it was not asked afterwards. */
  readonly high: bigint | undefined;
}

/** The heights at which a node that is started from it may stand, both included. */
export function expectedHeights({ height, node, after }: Known): ExpectedHeights {
  if (node === undefined) return { low: height, high: height };
  const before = BigInt(node.before);
  if (after === undefined) return { low: before, high: undefined };
  const later = BigInt(after.height);
  // One that stands lower afterwards has lost blocks, as one that was stopped for the snapshot and had not written all.
  return { low: before, high: before <= later ? later : before };
}

export function wantedOf(known: Known): NodeJob["wanted"] {
  return { low: String(expectedHeights(known).low), of: String(known.height) };
}

/** What came of it, as it is kept beside the snapshot. */
export function verdictOf(known: Known, answer: Answer, isAsked: boolean, at: Date): Verified {
  const seconds = "seconds" in answer ? answer.seconds : 0;
  const rest = { at: at.toISOString(), seconds };
  if (answer.kind === "answered") {
    const { height, hash } = answer;
    const stands = { height, ...(hash === null ? {} : { hash: hash.slice(0, 200) }) };
    const why = differenceIn(known, answer);
    if (why === undefined) return { outcome: "exact", ...stands, ...rest };
    return { outcome: "differs", ...stands, ...rest, why: why.slice(0, MAX_WHY) };
  }
  if (!isAsked && answer.kind === "ended" && answer.status === 0) return { outcome: "passed", ...rest };
  const kind = isAsked ? {} : { isCheck: true };
  return { outcome: "failed", ...rest, why: whyOf(answer).slice(0, MAX_WHY), ...kind };
}

function differenceIn(known: Known, answer: Answer & { readonly kind: "answered" }): string | undefined {
  const { low, high } = expectedHeights(known);
  const height = BigInt(answer.height);
  const { node, after } = known;
  if (node?.chain !== undefined && answer.chain !== null && !isSame(node.chain, answer.chain)) {
    return `the node is on the chain ${quote(answer.chain)}, the snapshot is of ${quote(node.chain)}`;
  }
  if (height < low || (high !== undefined && height > high)) {
    const range =
      high === undefined ? `${String(low)} or more` : low === high ? String(low) : `${String(low)} to ${String(high)}`;
    const isKnown = after !== undefined && height < low && BigInt(after.height) < low;
    const also = isKnown ? `; it came back at ${after.height} right after the snapshot as well` : "";
    return `the node stands at ${answer.height}, expected ${range}${also}`;
  }
  const hashes: readonly (readonly [at: string, is: string | null, was: string | undefined])[] = [
    [String(known.height), answer.hashOf, node?.hash],
    [answer.height, answer.hash, after?.height === answer.height ? after.hash : undefined],
  ];
  const other = hashes.find(([, is, was]) => is !== null && was !== undefined && !isSame(is, was));
  if (other === undefined) return undefined;
  return `the node has another block at ${other[0]}: ${quote(other[1] ?? "")}, the snapshot was taken with ${quote(other[2] ?? "")}`;
}

/** Some nodes write the same hash in small letters here and in capitals there. */
function isSame(a: string, b: string): boolean {
  return a.toLowerCase() === b.toLowerCase();
}
