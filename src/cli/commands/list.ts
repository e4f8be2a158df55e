import { count, escapeText } from "../../text.ts";
import { type Command, type CommonFlags, makeBtm, volumeJson } from "../context.ts";
import { listJson } from "../json.ts";
import { kindText, timeText } from "../words.ts";

export const list: Command<CommonFlags> = async (flags, context) => {
  const { output, signal } = context;
  const btm = makeBtm(flags, context);
  // The daemon tells of snapshots alone.
  const isExternal = btm.cfg.mode === "external";
  const {
    snapshots,
    clones,
    undoPoints: points,
    pending,
  } = isExternal
    ? { snapshots: await btm.list({ signal }), clones: [], undoPoints: [], pending: [] }
    : await btm.overview({ signal });
  const volume = escapeText(btm.cfg.volume);
  output.result(listJson(volumeJson(btm, context), { snapshots, clones, undoPoints: points, pending }));
  if (snapshots.length === 0) output.line(`No snapshots of ${volume}`);
  else {
    output.table(
      ["HEIGHT", "TAKEN (UTC)", "KIND"],
      snapshots.map((snapshot) => [String(snapshot.height), timeText(snapshot.createdAt), kindText(snapshot)]),
    );
  }
  for (const { height, name, path, isForCheck } of clones) {
    const where = path === undefined ? `${escapeText(name)}, which no mount shows` : escapeText(path);
    output.line(`Open: ${String(height)} at ${where}${isForCheck ? ", by btm verify or btm bisect" : ""}`);
  }
  const unmarked = snapshots.filter((snapshot) => snapshot.mark === undefined).length;
  const note = unmarked === 0 ? "" : `; ${String(unmarked)} unmarked, which btm never removes (btm adopt marks them)`;
  if (snapshots.length > 0) output.note(`${count(snapshots.length, "snapshot")} of ${volume}${note}`);
  if (points === undefined) output.note("Whether there are undo points only root can see");
  else if (points.length > 0) output.note(`${count(points.length, "undo point")}: btm undo --list shows more`);
  if (pending.length > 0) output.note("Something was interrupted: btm recover finishes or undoes it");
  return 0;
};
