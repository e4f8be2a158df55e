import { escapeText } from "../../text.ts";
import { type Command, type CommonFlags, makeBtm, noteRecovered, volumeJson } from "../context.ts";
import { recoverJson } from "../json.ts";

export interface RecoverFlags extends CommonFlags {
  readonly dryRun?: boolean;
}

export const recover: Command<RecoverFlags> = async (flags, context) => {
  const { output, signal } = context;
  const { dryRun = false } = flags;
  const btm = makeBtm(flags, context);
  const result = await btm.recover({ dryRun, signal });
  noteRecovered(context, result.recovered);
  output.result(recoverJson(volumeJson(btm, context), result));
  const volume = escapeText(btm.cfg.volume);
  if (result.recovered.length === 0) output.line(`Nothing to do: ${volume} is whole`);
  else if (!dryRun) output.line(`Recovered ${volume}`);
  return 0;
};
