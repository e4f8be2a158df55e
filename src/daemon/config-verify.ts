import { parseNodeUrl } from "../chain/node-client.ts";
import { quote } from "../text.ts";
import type { ConfigTable, Problems } from "./config-table.ts";
import { checkVerifyCommand } from "./verification.ts";
import type { FollowConfig } from "./follow-config.ts";
import { type Period, PERIODS, type VerifyConfig } from "./verify-schedule.ts";

/** What a table [volumes.NAME] says of how its newest snapshot is verified. */
export function readVerify(
  table: ConfigTable,
  problems: Problems,
  follow: FollowConfig | undefined,
): VerifyConfig | undefined {
  const every = table.text("verify");
  const command = table.texts("verify_command");
  const url = table.text("verify_follow");
  const timeoutSeconds = table.number("verify_timeout", 1, 7 * 24 * 3600) ?? TIMEOUT_SECONDS;
  if (every === undefined) {
    for (const key of ["verify_command", "verify_follow"] as const) {
      if ((key === "verify_command" ? command : url) === undefined) continue;
      problems.add(table.at(key), `Cannot use ${key}: verify says when, and is not given`);
    }
    return undefined;
  }
  if (!isPeriod(every)) {
    problems.add(table.at("verify"), `Cannot use verify ${quote(every)}: expected ${Object.keys(PERIODS).join(", ")}`);
    return undefined;
  }
  if (url !== undefined) problems.attempt(table.at("verify_follow"), () => parseNodeUrl(url));
  const isByPassword = follow !== undefined && (follow.user ?? follow.password ?? passwordIn(follow.url)) !== undefined;
  // Whoever may look at processes reads a command line, and the arguments of a unit.
  if (isByPassword || passwordIn(url) !== undefined)
    problems.add(table.at(isByPassword ? "verify" : "verify_follow"), BY_PASSWORD);
  if (follow?.family === "http") problems.add(table.at("verify"), BY_PATH);
  const at = command === undefined ? "verify" : "verify_command";
  const checked = problems.attempt(table.at(at), () => checkVerifyCommand(command));
  return checked === undefined ? undefined : { every, command: checked, follow: url ?? follow?.url, timeoutSeconds };
}

function isPeriod(text: string): text is Period {
  return Object.hasOwn(PERIODS, text);
}

/** user:password of a URL; undefined when it has none, or is none. */
function passwordIn(url: string | undefined): string | undefined {
  if (url === undefined || !URL.canParse(url)) return undefined;
  const { username, password } = new URL(url);
  return username === "" && password === "" ? undefined : `${username}:${password}`;
}

const BY_PASSWORD =
  "Cannot verify a node that is asked by user and password: everybody could read them on a command line; use cookie";
const BY_PATH =
  "Cannot verify a node of the family http: btm verify cannot ask it where it stands; run btm verify with a check of yours";
/** A large node checks its database for long before it answers. */
const TIMEOUT_SECONDS = 1800;
