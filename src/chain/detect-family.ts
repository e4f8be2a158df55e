import { BtmError, isBtmError } from "../errors.ts";
import { FAMILIES } from "./families.ts";
import type { Family, FamilyName } from "./family.ts";
import type { NodeClient } from "./node-client.ts";

export interface Detected {
  readonly family: FamilyName;
  /** What was answered, in words. */
  readonly why: string;
}

/**
 * Asks a node the questions of each family until one is answered as it would. Where it listens only decides which is
 * tried first.
 *
 * @throws BtmError NODE_UNREACHABLE when there is no answer at all, so that it can be tried later; PERMISSION_DENIED
 * when it answers nobody without credentials; UNKNOWN_CHAIN when no family's question is answered
 */
export async function detectFamily(node: NodeClient): Promise<Detected> {
  const port = Number(node.url.port);
  const order = FAMILIES.toSorted((a, b) => Number(b.ports.includes(port)) - Number(a.ports.includes(port)));
  let denied: BtmError | undefined;
  for (const family of order) {
    try {
      const why = await family.recognise?.(node);
      if (why !== undefined) return { family: family.name, why };
    } catch (error) {
      if (!isBtmError(error)) throw error;
      if (error.code === "PERMISSION_DENIED") denied ??= error;
      else if (error.code !== "NODE_ANSWER") throw error;
    }
  }
  if (denied !== undefined) throw denied;
  throw unknown(node, order);
}

function unknown({ shown }: NodeClient, order: readonly Family[]): BtmError {
  const tried = order.map(({ name }) => name);
  return new BtmError(
    "UNKNOWN_CHAIN",
    `The node at ${shown} answers as none of the families that are known: tried ${tried.join(", ")}`,
    {
      hint: "Is it the port of its RPC? For any other node the family http reads the height from a URL",
      details: { tried },
    },
  );
}
