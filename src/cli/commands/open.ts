import { escapeText } from "../../text.ts";
import { type Command, type CommonFlags, makeBtm, noteRecovered, volumeJson } from "../context.ts";
import { closeJson, openJson } from "../json.ts";

export interface OpenFlags extends CommonFlags {
  readonly snapshotId: string;
  readonly at?: string;
  readonly readOnly?: boolean;
}

/** The answer is the path alone, for a script: cd "$(btm open -s 10)". */
export const open: Command<OpenFlags> = async (flags, context) => {
  const { output, signal } = context;
  const { at, readOnly = false } = flags;
  const btm = makeBtm(flags, context);
  const result = await btm.open(flags.snapshotId, { readOnly, signal, ...(at === undefined ? {} : { at }) });
  noteRecovered(context, result.recovered);
  output.result(openJson(volumeJson(btm, context), result));
  output.line(escapeText(result.path ?? result.name));
  if (!readOnly) output.note(`Opened ${String(result.height)}, to be written to; btm close destroys it`);
  return 0;
};

export const close: Command<OpenFlags> = async (flags, context) => {
  const { output, signal } = context;
  const btm = makeBtm(flags, context);
  const result = await btm.close(flags.snapshotId, { signal });
  noteRecovered(context, result.recovered);
  output.result(closeJson(volumeJson(btm, context), result));
  output.line(`Closed ${String(result.height)}, and destroyed ${escapeText(result.name)}`);
  return 0;
};
