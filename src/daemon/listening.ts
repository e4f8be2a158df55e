import { chmod, chown, lstat, mkdir, rm, stat } from "node:fs/promises";
import { connect } from "node:net";
import { dirname } from "node:path";

import { BtmError } from "../errors.ts";
import { quote } from "../text.ts";
import { GROUP, groupId } from "./group.ts";
import type { Log } from "./log.ts";

/**
 * Makes the place of the socket ready: its directory is root's and the group's alone, and what a killed daemon left is
 * taken away when nobody listens on it.
 *
 * @throws BtmError ALREADY_RUNNING, NAME_TAKEN
 */
export async function prepareSocket(path: string, log: Log): Promise<void> {
  const folder = dirname(path);
  const made = await mkdir(folder, { recursive: true, mode: 0o750 }).catch((error: unknown) => {
    const why = error instanceof Error ? error.message : String(error);
    throw new BtmError("PERMISSION_DENIED", `Cannot listen on ${quote(path)}: its directory is not there: ${why}`, {
      hint: "Run it as root, or give another place by --socket",
      cause: error,
    });
  });
  // What we made, or what systemd made for us; a directory of others stays as it is.
  if (made !== undefined || folder === "/run/btm") {
    await chmod(folder, 0o750);
    const group = await groupId(GROUP);
    if (isRoot()) await chown(folder, 0, group ?? 0);
  }
  const { mode } = await stat(folder);
  if ((mode & 0o002) !== 0 && (mode & 0o1000) === 0) {
    log.warning(
      `The directory ${quote(folder)} of the socket can be written by everybody: they may replace the socket`,
    );
  }
  const found = await lstat(path).catch(() => undefined);
  if (found === undefined) return;
  if (!found.isSocket()) {
    throw new BtmError("NAME_TAKEN", `Cannot listen on ${quote(path)}: something else than a socket is there`, {
      hint: "Move it away, or give another socket",
    });
  }
  if (await answers(path)) {
    throw new BtmError("ALREADY_RUNNING", `Cannot listen on ${quote(path)}: a daemon listens there already`, {
      hint: "systemctl status btm-daemon shows it; another one needs another --socket, and volumes of its own",
    });
  }
  await rm(path, { force: true });
}

/** Lets root and the group in, once it is there. */
export async function openToGroup(path: string, log: Log): Promise<void> {
  const group = await groupId(GROUP);
  if (group === undefined)
    log.warning(
      `There is no group ${GROUP}: only root can ask for snapshots (groupadd --system ${GROUP}, then a restart)`,
    );
  if (isRoot()) await chown(path, 0, group ?? 0);
  await chmod(path, group === undefined ? 0o600 : 0o660);
}

function isRoot(): boolean {
  return process.getuid?.() === 0;
}

async function answers(path: string): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const socket = connect(path);
  socket.once("connect", () => {
    resolve(true);
  });
  socket.once("error", () => {
    resolve(false);
  });
  try {
    return await promise;
  } finally {
    socket.destroy();
  }
}
