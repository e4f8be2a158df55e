import { count, escapeText } from "../../text.ts";
import { type Command, type CommonFlags, makeBtm, volumeJson } from "../context.ts";
import { listJson } from "../json.ts";
import { kindText, timeText } from "../words.ts";

export const list: Command<CommonFlags> = async (flags, context) => {
  const { output, signal } = context;
  const btm = makeBtm(flags, context);
  const snapshots = await btm.list({ signal });
  const volume = escapeText(btm.cfg.volume);
  output.result(listJson(volumeJson(btm, context), snapshots));
  if (snapshots.length === 0) {
    output.line(`No snapshots of ${volume}`);
    return 0;
  }
  output.table(
    ["HEIGHT", "TAKEN (UTC)", "KIND"],
    snapshots.map((snapshot) => [String(snapshot.height), timeText(snapshot.createdAt), kindText(snapshot)]),
  );
  const unmarked = snapshots.filter((snapshot) => snapshot.mark === undefined).length;
  const note = unmarked === 0 ? "" : `; ${String(unmarked)} unmarked, which btm never removes (btm adopt marks them)`;
  output.note(`${count(snapshots.length, "snapshot")} of ${volume}${note}`);
  return 0;
};
