import { show } from "../height.ts";
import { DEFAULTS, type Hooks } from "./config.ts";
import type { ConfigTable, Problems } from "./config-table.ts";

/** The hooks of a volume, or of a group. */
export function readHooks(table: ConfigTable, problems: Problems): Hooks {
  const program = (key: string): readonly string[] | undefined => {
    const words = table.texts(key);
    if (words === undefined) return undefined;
    const isGood = words[0]?.startsWith("/") === true && !words.some((word) => word.includes("\0"));
    if (!isGood) {
      const wanted = 'expected an array whose first entry is an absolute path, for example ["/usr/bin/true"]';
      problems.add(table.at(key), `Cannot use ${key} ${show(words[0])}: ${wanted}`, "There is no shell in between");
    }
    return words;
  };
  const seconds = table.number("hook_timeout", 1, 3600);
  return {
    pre: program("pre_snapshot"),
    post: program("post_snapshot"),
    timeoutMs: seconds === undefined ? DEFAULTS.hookTimeoutMs : seconds * 1000,
    isPreFatal: table.boolean("pre_snapshot_fatal") ?? true,
  };
}
