import { escapeText } from "../../text.ts";
import { type Command, type CommonFlags, makeBtm, noteRecovered, volumeJson } from "../context.ts";
import { pinJson } from "../json.ts";

export interface PinFlags extends CommonFlags {
  readonly snapshotId: string;
  readonly note?: string;
}

export const pin: Command<PinFlags> = async (flags, context) => {
  const { output, signal } = context;
  const { note } = flags;
  const btm = makeBtm(flags, context);
  const result = await btm.pin(flags.snapshotId, { signal, ...(note === undefined ? {} : { note }) });
  noteRecovered(context, result.recovered);
  output.result(pinJson(volumeJson(btm, context), result));
  output.line(`Pinned ${escapeText(result.snapshot.name)}: it is never removed until btm unpin`);
  return 0;
};

export const unpin: Command<PinFlags> = async (flags, context) => {
  const { output, signal } = context;
  const btm = makeBtm(flags, context);
  const result = await btm.unpin(flags.snapshotId, { signal });
  noteRecovered(context, result.recovered);
  output.result(pinJson(volumeJson(btm, context), result));
  output.line(`Unpinned ${escapeText(result.snapshot.name)}`);
  return 0;
};
