import { BtmError } from "../errors.ts";
import { quote } from "../text.ts";

const SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600 };

/**
 * A time as it is typed, in milliseconds: seconds, or with a unit.
 *
 * @throws BtmError BAD_OPTION
 * @example
 * parseDuration("--timeout", "5m"); // 300000
 */
export function parseDuration(option: string, text: string): number {
  const [, number = "", unit = "s"] = /^(\d{1,6}(?:\.\d{1,3})?)(s|m|h)?$/.exec(text) ?? [];
  const milliseconds = Math.round(Number(number) * (SECONDS[unit] ?? 1) * 1000);
  // What JavaScript's timers take, 24 days.
  if (number !== "" && milliseconds > 0 && milliseconds < 2 ** 31) return milliseconds;
  throw new BtmError("BAD_OPTION", `Cannot use ${option} ${quote(text)}: expected a time, at most 24 days`, {
    hint: "For example 90, 90s, 5m or 1h",
  });
}
