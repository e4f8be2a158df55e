import { BtmError } from "../errors.ts";
import { show } from "../height.ts";
import { quote } from "../text.ts";

/**
 * The name of a unit that can be stopped and started again, whole: "node" is "node.service", as systemctl has it. systemctl
 * would also take patterns, paths and options; those are not meant here.
 *
 * @throws BtmError BAD_OPTION
 */
export function checkUnitName(given: unknown): string {
  const unit = typeof given === "string" ? wholeUnitName(given) : given;
  const wrong = whatIsWrong(unit);
  if (wrong === undefined && typeof unit === "string") return unit;
  throw new BtmError("BAD_OPTION", `Cannot use ${show(given)} as a service: ${wrong ?? ""}`, {
    hint: "Give the name of a systemd unit, such as node or node.service; systemctl list-units shows them",
  });
}

/** With its suffix; not checked. */
export function wholeUnitName(given: string): string {
  return SUFFIX.test(given) ? given : `${given}.service`;
}

function whatIsWrong(unit: unknown): string | undefined {
  if (typeof unit !== "string") return "expected a text";
  // systemd.unit(5): "ASCII letters, digits, ":", "-", "_", ".", and "\"", "must not exceed 255 characters", and one "@".
  if (!/^[A-Za-z0-9:_.\\-]+(@[A-Za-z0-9:_.\\@-]*)?\.[a-z]+$/.test(unit)) return "systemd has no such names";
  if (unit.length > 255) return "it is longer than 255 characters";
  if (unit.startsWith("-")) return "it looks like an option";
  if (/@\.[a-z]+$/.test(unit))
    return `it is a template; give an instance of it, such as ${quote(unit.replace("@", "@1"))}`;
  const kind = unit.slice(unit.lastIndexOf(".") + 1);
  return STOPPABLE.has(kind) ? undefined : `a ${kind} cannot be stopped and started again like a service`;
}

/** All kinds of units there are (systemd.unit(5)). */
const SUFFIX = /\.(service|socket|device|mount|automount|swap|target|path|timer|slice|scope)$/;
/** A scope cannot be started, a slice does not start what was in it, and a mount may be the volume itself. */
const STOPPABLE: ReadonlySet<string> = new Set(["service", "socket", "target", "path", "timer"]);
