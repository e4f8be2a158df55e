import { show } from "../height.ts";
import type { ConfigTable, Problems } from "./config-table.ts";
import {
  type FollowConfig,
  type FollowInput,
  type FollowKey,
  type QuiesceConfig,
  quiesceProblem,
  readFollow,
  readQuiesce,
} from "./follow-config.ts";

const KEYS: Readonly<Record<FollowKey, string>> = {
  follow: "follow",
  chain: "chain",
  finality: "finality",
  user: "user",
  password: "password",
  cookie: "cookie",
  expectChain: "expect_chain",
  push: "push",
  whileSyncing: "while_syncing",
  heightPath: "height_path",
  heightBase: "height_base",
  heightOffset: "height_offset",
  hashPath: "hash_path",
  requestBody: "request_body",
};

/** What a table [volumes.NAME] says of the node of its volume. */
export function readNode(
  table: ConfigTable,
  problems: Problems,
): { readonly follow: FollowConfig | undefined } & QuiesceConfig {
  const texts = (key: FollowKey): string | undefined => {
    const value = table.any(KEYS[key]);
    if (value === undefined || typeof value === "string") return value;
    // A depth and an offset are numbers to everybody.
    if (typeof value === "bigint") return String(value);
    problems.add(table.at(KEYS[key]), `Cannot use ${KEYS[key]} ${show(value)}: expected text in quotes`);
    return undefined;
  };
  const push = table.any("push");
  const input: FollowInput = {
    follow: texts("follow"),
    chain: texts("chain"),
    finality: texts("finality"),
    user: texts("user"),
    password: texts("password"),
    cookie: texts("cookie"),
    expectChain: texts("expectChain"),
    push: typeof push === "boolean" ? push : texts("push"),
    whileSyncing: texts("whileSyncing"),
    heightPath: texts("heightPath"),
    heightBase: texts("heightBase"),
    heightOffset: texts("heightOffset"),
    hashPath: texts("hashPath"),
    requestBody: texts("requestBody"),
  };
  const follow = readFollow(input, (key, read) => problems.attempt(table.at(KEYS[key]), read));
  const unit = table.text("unit");
  const text = table.text("quiesce");
  const quiesce = problems.attempt(table.at("quiesce"), () => readQuiesce(text));
  const problem = quiesceProblem({ quiesce, unit }, follow !== undefined);
  if (problem !== undefined) problems.add(table.at(quiesce === undefined ? "unit" : "quiesce"), problem);
  return { follow, quiesce, unit };
}
