import { realpath } from "node:fs/promises";
import { basename, dirname, join, normalize } from "node:path";

import { checkCallOptions } from "../call-options.ts";
import type { OpenClone } from "../driver/driver.ts";
import { BtmError } from "../errors.ts";
import { type HeightInput, parseHeight, show } from "../height.ts";
import type { CallOptions, CloseResult, OpenOptions, OpenResult } from "../results.ts";
import { quote } from "../text.ts";
import { snapshotAt, type Use } from "./use.ts";

export async function open({ run }: Use, height: HeightInput, options: OpenOptions): Promise<OpenResult> {
  checkCallOptions("open", options, { at: "any", readOnly: "boolean" });
  const { readOnly = false, signal } = options;
  const asked = parseHeight(height);
  const place = checkPlace(options.at, readOnly);
  const at = place === undefined ? undefined : await tidy(place);
  return run(signal, async (session) => {
    if (readOnly) {
      const { name, path } = await snapshotAt(session, asked, "open");
      if (path !== undefined) return { height: asked, name, path, readOnly, recovered: [] };
      throw new BtmError("BLOCKED", `Cannot open ${quote(name)} for reading: no mount shows it`, {
        hint: "Without --read-only a writable copy is made, which is shown",
      });
    }
    await session.lock();
    const { path: live } = session.volume;
    if (at !== undefined && live !== undefined && (at === live || at.startsWith(`${live}/`))) {
      throw new BtmError("BAD_OPTION", `Cannot open it at ${show(at)}: that is inside the volume`, {
        hint: "A rollback could not take place with a mount in it: give a place elsewhere",
      });
    }
    const snapshot = await snapshotAt(session, asked, "open");
    const { name, path } = await session.volume.openClone(snapshot, { at });
    return { height: asked, name, path, readOnly, recovered: session.recovered };
  });
}

export async function close({ run }: Use, height: HeightInput, options: CallOptions): Promise<CloseResult> {
  checkCallOptions("close", options, {});
  const asked = parseHeight(height);
  return run(options.signal, async (session) => {
    await session.lock();
    const { volume, recovered } = session;
    const clone = (await volume.clones()).find((candidate) => candidate.height === asked);
    if (clone === undefined) {
      throw new BtmError("NOT_OPEN", `Cannot close ${String(asked)} of ${quote(volume.name)}: it is not open`, {
        hint: "btm list shows what is open",
      });
    }
    await volume.closeClone(clone);
    return { height: asked, name: clone.name, path: clone.path, recovered };
  });
}

export async function clones({ run }: Use, options: CallOptions): Promise<OpenClone[]> {
  checkCallOptions("clones", options, {});
  return run(options.signal, ({ volume }) => volume.clones());
}

/** As the kernel will call it: no links, no "..", no slash at the end. What does not exist yet has none of that. */
async function tidy(path: string): Promise<string> {
  const missing: string[] = [];
  for (let folder = normalize(path).replace(/(?<=.)\/+$/, ""); ; folder = dirname(folder)) {
    try {
      return join(await realpath(folder), ...missing);
    } catch (error) {
      if (!isMissing(error) || folder === dirname(folder)) return normalize(path);
      missing.unshift(basename(folder));
    }
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ENOENT";
}

function checkPlace(at: unknown, readOnly: boolean): string | undefined {
  if (at === undefined) return undefined;
  const fail = (why: string): BtmError => new BtmError("BAD_OPTION", `Cannot open it at ${show(at)}: ${why}`);
  if (readOnly) throw fail("a snapshot that is only read stays where it is");
  if (typeof at !== "string" || !at.startsWith("/") || at.includes("\0")) throw fail("expected an absolute path");
  return at;
}
