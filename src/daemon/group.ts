import { readFile } from "node:fs/promises";

import type { Peer } from "../sys/peer.ts";

/** Whose members may ask for snapshots, and nothing else. */
export const GROUP = "btm";

/** The number of a group in /etc/group; undefined when there is none of that name. */
export async function groupId(name: string): Promise<number | undefined> {
  return groupIn(await readOrNothing("/etc/group"), name)?.id;
}

/**
 * Who may ask, by the two files: what the sender of a datagram has of supplementary groups the kernel does not tell, and
 * /proc may tell of another process by now.
 */
export class Members {
  readonly #read: (file: string) => Promise<string>;
  readonly #now: () => number;
  #isMember: (peer: Pick<Peer, "uid" | "gid">) => boolean = () => false;
  #readAt = -Infinity;

  constructor(read: (file: string) => Promise<string> = readOrNothing, now: () => number = () => performance.now()) {
    this.#read = read;
    this.#now = now;
  }

  async includes(peer: Pick<Peer, "uid" | "gid">): Promise<boolean> {
    if (peer.uid === 0) return true;
    // Anybody can send a thousand datagrams a second.
    if (this.#now() - this.#readAt > FRESH_MS) {
      this.#readAt = this.#now();
      this.#isMember = memberTest(await this.#read("/etc/group"), await this.#read("/etc/passwd"));
    }
    return this.#isMember(peer);
  }
}

const FRESH_MS = 5000;

function memberTest(groups: string, users: string): (peer: Pick<Peer, "uid" | "gid">) => boolean {
  const group = groupIn(groups, GROUP);
  if (group === undefined) return () => false;
  const uids = new Set<number>();
  for (const line of users.split("\n")) {
    const [name = "", , uid = "", gid = ""] = line.split(":");
    if (!/^\d+$/.test(uid)) continue;
    if (group.members.includes(name) || (/^\d+$/.test(gid) && Number(gid) === group.id)) uids.add(Number(uid));
  }
  return ({ uid, gid }) => gid === group.id || uids.has(uid);
}

interface Group {
  readonly id: number;
  readonly members: readonly string[];
}

function groupIn(text: string, wanted: string): Group | undefined {
  for (const line of text.split("\n")) {
    const [name, , id = "", members = ""] = line.split(":");
    if (name !== wanted || !/^\d+$/.test(id)) continue;
    return { id: Number(id), members: members.split(",").filter((member) => member !== "") };
  }
  return undefined;
}

function readOrNothing(file: string): Promise<string> {
  return readFile(file, "utf8").catch(() => "");
}
