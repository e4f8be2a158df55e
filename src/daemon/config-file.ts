import { parse, TomlError } from "smol-toml";

import { type BtmOptions, parseCfg } from "../cfg.ts";
import { BtmError } from "../errors.ts";
import { checkSocketPath, DEFAULT_SOCKET } from "../socket-path.ts";
import { type Height, type HeightInput, parseHeight, show } from "../height.ts";
import { escapeText, quote } from "../text.ts";
import { compatProblem, type DaemonConfig, DEFAULTS, LOG_LEVELS, type VolumeConfig } from "./config.ts";
import { readNode } from "./config-follow.ts";
import { readGroups } from "./config-groups.ts";
import { readHooks } from "./config-hooks.ts";
import { readVerify } from "./config-verify.ts";
import { ConfigTable, Problems, tablesOf } from "./config-table.ts";
import { MIN_FREE_FORMS, parseMinFree } from "./min-free.ts";

/**
 * Reads a configuration file, strictly: a key that is not known is a mistake, not a wish for later.
 *
 * @param file its name, for messages
 * @throws BtmError BAD_CONFIG, whose details hold every problem with its line
 */
export function parseConfig(text: string, file: string): DaemonConfig {
  const problems = new Problems(file, text);
  const top = new ConfigTable([], parseToml(text, problems), problems);
  const socket = top.text("socket") ?? DEFAULT_SOCKET;
  problems.attempt(["socket"], () => checkSocketPath(socket));
  const compatSocket = top.boolean("compat_socket") ?? false;
  const level = top.text("log_level") ?? "info";
  const logLevel = LOG_LEVELS.find((known) => known === level);
  if (logLevel === undefined) {
    problems.add(["log_level"], `Cannot use log_level ${quote(level)}: expected ${LOG_LEVELS.join(", ")}`);
  }
  const volumes: VolumeConfig[] = [];
  for (const table of tablesOf(top, "volumes", problems)) {
    const volume = readVolume(table, problems);
    if (volume === undefined) continue;
    const twin = volumes.find(({ cfg }) => cfg.volume === volume.cfg.volume);
    if (twin !== undefined) {
      const what = `The volume ${quote(volume.cfg.volume)} is configured twice: as ${twin.name} and ${volume.name}`;
      problems.add(table.at("volume"), what);
    }
    volumes.push(volume);
  }
  const compat = compatProblem({ compatSocket, volumes });
  if (compat !== undefined)
    problems.add(["compat_socket"], compat, "Leave it out, or let a daemon serve that one alone");
  const groups = readGroups(top, volumes, problems);
  top.refuseOthers("the file");
  problems.throwIfAny();
  if (volumes.length === 0) problems.add(1, "No volume is configured: expected a table [volumes.NAME]", EXAMPLE);
  problems.throwIfAny();
  return { socket, compatSocket, logLevel: logLevel ?? "info", volumes, groups };
}

const EXAMPLE = 'For example [volumes.node] with volume = "/data/blockchain"';

function parseToml(text: string, problems: Problems): Record<string, unknown> {
  try {
    return parse(text, { integersAsBigInt: true, maxDepth: 16 });
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    const [first = ""] = error.message.split("\n");
    problems.add(error instanceof TomlError ? error.line : 1, `Not TOML: ${escapeText(first)}`, "https://toml.io");
    problems.throwIfAny();
    throw error;
  }
}

function readVolume(table: ConfigTable, problems: Problems): VolumeConfig | undefined {
  const { path } = table;
  const [, name = ""] = path;
  const options: Record<string, unknown> = {};
  for (const key of ["volume", "itv", "cap", "algo", "mode"]) {
    const value = table.any(key);
    if (value !== undefined) options[key] = value;
  }
  const cfg = readCfg(table, options, problems);
  const node = readNode(table, problems);
  const volume = {
    name,
    group: table.text("group"),
    pins: readPins(table, problems),
    minFree: readMinFree(table, problems),
    minKeep: table.number("min_keep", 1, 65_536) ?? DEFAULTS.minKeep,
    hooks: readHooks(table, problems),
    ...node,
    verify: readVerify(table, problems, node.follow),
  };
  table.refuseOthers(`[${path.map(escapeText).join(".")}]`);
  return cfg === undefined ? undefined : { ...volume, cfg };
}

/** parseCfg stops at the first mistake: each key is tried alone, so that all are told and each with its line. */
function readCfg(
  table: ConfigTable,
  options: Readonly<Record<string, unknown>>,
  problems: Problems,
): VolumeConfig["cfg"] | undefined {
  const { volume, ...rest } = options;
  if (volume === undefined) {
    problems.add(table.path, `No volume given in [${table.path.map(escapeText).join(".")}]`, EXAMPLE);
  }
  const given = volume ?? "/none";
  if (rest["mode"] === "external") {
    problems.add(table.at("mode"), "Cannot use mode external: the daemon is what external mode asks");
    return undefined;
  }
  let isGood = volume !== undefined;
  // The parser takes anything and checks it.
  const attempt = (key: string, some: Record<string, unknown>): VolumeConfig["cfg"] | undefined =>
    problems.attempt(table.at(key), () => parseCfg(some as unknown as BtmOptions));
  if (attempt("volume", { volume: given }) === undefined) return undefined;
  for (const [key, value] of Object.entries(rest)) {
    if (attempt(key, { volume: given, [key]: value }) === undefined) isGood = false;
  }
  return isGood ? attempt("volume", options) : undefined;
}

function readPins(table: ConfigTable, problems: Problems): Height[] {
  return table.list("pins").flatMap((entry) => {
    return problems.attempt(table.at("pins"), () => parseHeight(entry as HeightInput, "pin")) ?? [];
  });
}

function readMinFree(table: ConfigTable, problems: Problems): VolumeConfig["minFree"] {
  const input = table.any("min_free");
  if (input === undefined) return DEFAULTS.minFree;
  const minFree = parseMinFree(input);
  if (minFree !== undefined) return minFree;
  problems.add(table.at("min_free"), `Cannot use min_free ${show(input)}: expected ${MIN_FREE_FORMS}`);
  return DEFAULTS.minFree;
}

/** @throws BtmError BAD_CONFIG */
export async function readConfigFile(file: string): Promise<DaemonConfig> {
  const { readFile, stat } = await import("node:fs/promises");
  let text: string;
  try {
    const { size } = await stat(file);
    if (size > MAX_BYTES) throw new Error(`it has more than ${String(MAX_BYTES)} bytes`);
    text = await readFile(file, "utf8");
  } catch (error) {
    const isMissing = error instanceof Error && "code" in error && error.code === "ENOENT";
    const why = isMissing ? "it is not there" : error instanceof Error ? error.message : String(error);
    throw new BtmError("BAD_CONFIG", `Cannot read the configuration ${quote(file)}: ${escapeText(why)}`, {
      hint: "docs/daemon.md has an example; or give a volume by -p",
      cause: error,
    });
  }
  return parseConfig(text, file);
}

const MAX_BYTES = 1024 * 1024;
