import { resolve } from "node:path";

import { finalityText } from "../../chain/family.ts";
import { parseNodeUrl } from "../../chain/node-client.ts";
import { shownUrl } from "../../chain/shown-url.ts";
import { DEFAULTS, type DaemonConfig, type Hooks, type VolumeConfig } from "../../daemon/config.ts";
import { readConfigFile } from "../../daemon/config-file.ts";
import type { Problem } from "../../daemon/config-table.ts";
import { minFreeText } from "../../daemon/min-free.ts";
import { BtmError, isBtmError } from "../../errors.ts";
import { count, escapeText, quote } from "../../text.ts";
import type { Command, CommonFlags } from "../context.ts";
import type { Output } from "../output.ts";

export interface CheckConfigFlags extends CommonFlags {
  readonly file?: string;
}

/** Looks at the file alone: whether its volumes are there is the daemon's to say. */
export const checkConfig: Command<CheckConfigFlags> = async (flags, { output }) => {
  const file = resolve(flags.file ?? DEFAULTS.configFile);
  try {
    const config = await readConfigFile(file);
    output.result({ file, ...configJson(config) });
    tell(output, file, config);
    return 0;
  } catch (error) {
    throw isBtmError(error) && flags.json !== true ? toldOneByOne(output, file, error) : error;
  }
};

/** What a user mends from the top to the bottom; the error itself names only the first. */
function toldOneByOne(output: Output, file: string, error: BtmError): BtmError {
  const problems = error.details["problems"];
  if (!Array.isArray(problems) || problems.length < 2) return error;
  // They are ours: Problems made them.
  for (const { where, message, hint } of problems as Problem[]) {
    output.note(`${where}: ${message}${hint === undefined ? "" : `. ${hint}`}`);
  }
  return new BtmError(error.code, `${quote(file)} has these ${count(problems.length, "problem")}`, {
    hint: "docs/daemon.md and docs/following.md have every key",
    cause: error,
  });
}

function tell(output: Output, file: string, config: DaemonConfig): void {
  output.line(`${escapeText(file)} is good: ${count(config.volumes.length, "volume")}`);
  output.line(`socket ${escapeText(config.socket)}${config.compatSocket ? ", and that of the original" : ""}`);
  for (const volume of config.volumes) {
    const { name, cfg, group, minFree, minKeep, pins, hooks } = volume;
    const every = cfg.itv === 1n ? "every block" : `every ${String(cfg.itv)} blocks`;
    const mode = cfg.mode === undefined ? "" : `, ${cfg.mode}`;
    output.line(`${name}: ${escapeText(cfg.volume)}${mode}, ${every}, at most ${String(cfg.cap)} by ${cfg.algo}`);
    if (group !== undefined) output.line(`  under one height with all of the group ${group}`);
    output.line(`  below ${minFreeText(minFree)} free down to ${String(minKeep)}`);
    if (pins.length > 0) output.line(`  pinned: ${pins.map(String).join(", ")}`);
    tellHooks(output, hooks);
    tellNode(output, volume);
    tellVerify(output, volume.verify);
  }
  for (const { name, hooks } of config.groups) {
    output.line(`group ${name}: ${config.volumes.flatMap((one) => (one.group === name ? one.name : [])).join(", ")}`);
    tellHooks(output, hooks);
  }
}

type NodeConfig = Pick<VolumeConfig, "follow" | "quiesce" | "unit">;

function tellNode(output: Output, { follow, quiesce, unit }: NodeConfig): void {
  const how = quiesce === undefined ? "" : `, quiesce ${quiesce}${unit === undefined ? "" : ` of ${escapeText(unit)}`}`;
  if (follow === undefined) {
    if (how !== "") output.line(`  its node:${how.slice(1)}`);
    return;
  }
  const { url, family, finality, whileSyncing } = follow;
  const syncing = whileSyncing === "take" ? ", also while it catches up" : "";
  const what = `${family ?? "a family found by itself"}, ${finalityText(finality)}${syncing}${how}`;
  output.line(`  follows ${escapeText(shownUrl(parseNodeUrl(url)))}: ${what}`);
}

function tellVerify(output: Output, verify: VolumeConfig["verify"]): void {
  if (verify === undefined) return;
  const { every, command, follow } = verify;
  const asked = follow === undefined ? "" : `, asked at ${escapeText(shownUrl(parseNodeUrl(follow)))}`;
  output.line(`  verifies the newest snapshot ${every} by ${words(command)}${asked}`);
}

function verifyJson(verify: VolumeConfig["verify"]): object | null {
  if (verify === undefined) return null;
  const { every, command, follow, timeoutSeconds } = verify;
  return { every, command, follow: follow === undefined ? null : shownUrl(parseNodeUrl(follow)), timeoutSeconds };
}

function nodeJson({ follow, quiesce, unit }: NodeConfig): object {
  return {
    follow:
      follow === undefined
        ? null
        : {
            url: shownUrl(parseNodeUrl(follow.url)),
            family: follow.family ?? null,
            finality: finalityText(follow.finality),
            whileSyncing: follow.whileSyncing,
          },
    quiesce: quiesce ?? null,
    unit: unit ?? null,
  };
}

function tellHooks(output: Output, { pre, post, isPreFatal }: Hooks): void {
  const fatal = isPreFatal ? "" : ", whose failure is not fatal";
  if (pre !== undefined) output.line(`  before each: ${words(pre)}${fatal}`);
  if (post !== undefined) output.line(`  after each: ${words(post)}`);
}

function words(program: readonly string[]): string {
  return JSON.stringify(program);
}

function configJson({ socket, compatSocket, logLevel, volumes, groups }: DaemonConfig): object {
  return {
    socket,
    compatSocket,
    logLevel,
    volumes: volumes.map(({ name, cfg, group, minFree, minKeep, pins, hooks, verify, ...node }) => ({
      name,
      group: group ?? null,
      volume: cfg.volume,
      mode: cfg.mode ?? null,
      itv: String(cfg.itv),
      cap: cfg.cap,
      algo: cfg.algo,
      pins: pins.map(String),
      minFree: minFreeText(minFree),
      minKeep,
      ...hooksJson(hooks),
      ...nodeJson(node),
      verify: verifyJson(verify),
    })),
    groups: groups.map(({ name, hooks }) => ({ name, ...hooksJson(hooks) })),
  };
}

function hooksJson(hooks: Hooks): object {
  return {
    preSnapshot: hooks.pre ?? null,
    postSnapshot: hooks.post ?? null,
    hookTimeoutSeconds: hooks.timeoutMs / 1000,
    preSnapshotFatal: hooks.isPreFatal,
  };
}
