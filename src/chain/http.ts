import { BtmError } from "../errors.ts";
import { show } from "../height.ts";
import type { Answer, Base } from "./answer.ts";
import { chosenBelow, type Family } from "./family.ts";
import { parsePath } from "./json-path.ts";

/** How to read the height of a node that no family knows. */
export interface HttpOptions {
  /** To the height: "result.sync_info.latest_block_height", "blocks[0].number". */
  readonly path: string;
  /** "auto" unless given. */
  readonly base?: Base;
  /** Added to what is read, 0 unless given; -1 for a node that tells the number of its blocks. */
  readonly offset?: bigint;
  /** To the hash of that block, when the same answer holds it. */
  readonly hashPath?: string;
  /** To what tells one chain from another, when the same answer holds it. */
  readonly chainPath?: string;
  /** Posted, as JSON; without it the URL is fetched by GET. */
  readonly body?: string;
}

/**
 * Any URL that answers with JSON.
 *
 * @throws BtmError BAD_OPTION
 */
export function httpFamily(options: HttpOptions): Family {
  const { base = "auto", offset = 0n, body } = options;
  if (!["auto", "dec", "hex"].includes(base)) {
    throw new BtmError("BAD_OPTION", `Cannot use the base ${show(base)}: expected dec, hex or auto`);
  }
  const path = parsePath(options.path);
  const hashPath = options.hashPath === undefined ? undefined : parsePath(options.hashPath);
  const chainPath = options.chainPath;
  if (chainPath !== undefined) parsePath(chainPath);
  return {
    name: "http",
    title: "Any URL that answers with JSON",
    quiesce: "none",
    preserve: [],
    finalities: ["latest", "depth"],
    ports: [],
    async read(node, finality) {
      const answer: Answer = body === undefined ? await node.get("") : await node.post(body);
      const head = {
        height: answer.height(path, { base, offset }),
        hash: hashPath === undefined ? undefined : answer.text(hashPath),
      };
      return {
        head,
        chosen: chosenBelow(head, finality),
        isSyncing: false,
        chain: chainPath === undefined ? undefined : answer.id(chainPath),
      };
    },
  };
}
