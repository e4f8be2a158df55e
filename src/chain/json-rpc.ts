import { BtmError, isBtmError } from "../errors.ts";
import { quote } from "../text.ts";
import { Answer } from "./answer.ts";
import { type Json } from "./exact-json.ts";

/** The body of a request. "2.0" is taken by nodes that know only 1.0 too: they do not look. */
export function requestText(id: number, method: string, params: unknown): string {
  return JSON.stringify({ jsonrpc: "2.0", id, method, params });
}

/**
 * The result in the answer to a request, whose error is one of ours.
 *
 * @param hide takes secrets out of what a node says; before it is cut, lest one that the cut goes through is not known
 * @throws BtmError NODE_ANSWER
 */
export function resultIn(
  value: Json,
  { id, method, shown, hide }: { id: number; method: string; shown: string; hide: (text: string) => string },
): Answer {
  const answer = isObject(value) ? value : {};
  const { error } = answer;
  if (error != null) {
    const { code, message, cause } = isObject(error) ? error : { message: error };
    const said = typeof message === "string" ? quote(hide(message).slice(0, 300)) : "no message";
    const rpcCode = typeof code === "number" ? code : undefined;
    // NEAR says there what it means.
    const rpcCause = isObject(cause) && typeof cause["name"] === "string" ? cause["name"] : undefined;
    throw new BtmError(
      "NODE_ANSWER",
      `The node at ${shown} answered ${method} with error ${String(rpcCode)}: ${said}`,
      {
        details: { rpcCode, rpcCause },
      },
    );
  }
  // Some give no id, or null, when they were not asked for one as they know it.
  if (answer["result"] === undefined || (answer["id"] != null && answer["id"] !== id)) {
    const what = answer["result"] === undefined ? "something that is no result" : "the answer to another request";
    throw new BtmError("NODE_ANSWER", `The node at ${shown} answered ${method} with ${what}`, {
      hint: "Is it the node, and of the family that is configured?",
    });
  }
  return new Answer(method, answer["result"]);
}

/** The code of the error that a node answered a call with; undefined when it is another failure. */
export function rpcCodeOf(error: unknown): number | undefined {
  const code = isBtmError(error) ? error.details["rpcCode"] : undefined;
  return typeof code === "number" ? code : undefined;
}

function isObject(value: Json | undefined): value is { readonly [key: string]: Json } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
