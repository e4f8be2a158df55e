import { parseNodeUrl } from "../chain/node-client.ts";
import { shownUrl } from "../chain/shown-url.ts";
import { BtmError } from "../errors.ts";
import { escapeText } from "../text.ts";
import { saidText } from "./finding.ts";
import type { Answer, NodeJob } from "./job.ts";

/**
 * That a node was not asked where it stands, for how it was to be asked is wrong, or that a check could not be started,
 * says nothing of the snapshot.
 *
 * @throws BtmError PERMISSION_DENIED, NODE_UNREACHABLE, BAD_OPTION
 */
export function checkReached(answer: Answer, node: Pick<NodeJob, "url" | "cookieFile"> | null): void {
  if (answer.kind === "ended" && node === null) checkFound(answer);
  if (answer.kind !== "silent" || node === null) return;
  const { url, cookieFile } = node;
  const { why, isDenied, listensElsewhere } = answer;
  const seconds = `${String(Math.round(answer.seconds))} s`;
  if (isDenied) {
    const what = `the node let nobody ask: ${escapeText(why ?? "")}`;
    throw new BtmError("PERMISSION_DENIED", `Cannot verify: for ${seconds} ${what}${saidText(answer.said)}`, {
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
    `Cannot verify: the command listens on the port ${ports}, and for ${seconds} nothing on that of ${shownUrl(parseNodeUrl(url))}${saidText(answer.said)}`,
    { hint: "--follow is the address of the node's RPC; the command must open it, or be given more --timeout" },
  );
}

/** A shell ends with 127 when it did not find what it was to start, with 126 when it could not (POSIX, 2.8.2). */
function checkFound({ status, said }: Answer & { readonly kind: "ended" }): void {
  if (status !== 126 && status !== 127) return;
  const what = `the check could not start something, it ended with status ${String(status)}${saidText(said)}`;
  throw new BtmError("BAD_OPTION", `Cannot verify: ${what}`, {
    hint: "Say where it is, by an absolute path perhaps; any other status than 0 says that the snapshot is no good",
  });
}

const MAX_PORTS = 10;
