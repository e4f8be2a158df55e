import { parseNodeUrl } from "../chain/node-client.ts";
import { shownUrl } from "../chain/shown-url.ts";
import { BtmError } from "../errors.ts";
import { escapeText } from "../text.ts";
import type { Answer, NodeJob } from "./job.ts";

/**
 * That a node was not asked where it stands, for how it was to be asked is wrong, says nothing of the snapshot.
 *
 * @throws BtmError PERMISSION_DENIED, NODE_UNREACHABLE
 */
export function checkReached(answer: Answer, { url, cookieFile }: Pick<NodeJob, "url" | "cookieFile">): void {
  if (answer.kind !== "silent") return;
  const { why, isDenied, listensElsewhere } = answer;
  const seconds = `${String(Math.round(answer.seconds))} s`;
  if (isDenied) {
    throw new BtmError("PERMISSION_DENIED", `Cannot verify: for ${seconds} the node refused who asked: ${said(why)}`, {
      hint:
        cookieFile === null
          ? "--cookie FILE is the cookie of its RPC, relative to the copy; or put user and password into --follow"
          : "Is it the cookie that this node writes when it starts, in the folder of the copy?",
    });
  }
  if (listensElsewhere.length === 0) return;
  const ports = listensElsewhere.slice(0, MAX_PORTS).join(", ");
  throw new BtmError(
    "NODE_UNREACHABLE",
    `Cannot verify: the command listens on the port ${ports}, and for ${seconds} nothing on that of ${shownUrl(parseNodeUrl(url))}`,
    { hint: "--follow is the address of the node's RPC; the command must open it, or be given more --timeout" },
  );
}

const MAX_PORTS = 10;

function said(why: string | null): string {
  return escapeText(why ?? "");
}
