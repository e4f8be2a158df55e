import { type BtmCfg, type BtmOptions, parseCfg } from "../cfg.ts";
import type { Height } from "../height.ts";
import { isPath } from "../volume-name.ts";
import type { FollowConfig, QuiesceConfig } from "./follow-config.ts";
import type { VerifyConfig } from "./verify-schedule.ts";
import type { MinFree } from "./min-free.ts";

export const LOG_LEVELS = ["error", "warning", "info", "debug"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** What a daemon does, however it was told: by a file or by flags. */
export interface DaemonConfig {
  /** The path of the socket that it listens on. */
  readonly socket: string;
  /** Whether it also listens on the abstract datagram socket of the original. */
  readonly compatSocket: boolean;
  readonly logLevel: LogLevel;
  /** One or more, no two of one name or one volume. */
  readonly volumes: readonly VolumeConfig[];
  /** Those that volumes name, each with two volumes or more. */
  readonly groups: readonly GroupConfig[];
}

export interface VolumeConfig extends QuiesceConfig {
  /** What requests call it. */
  readonly name: string;
  readonly cfg: BtmCfg;
  /** The name of the group that it is in; undefined for none. */
  readonly group: string | undefined;
  /** Heights that are taken although not due, and pinned. */
  readonly pins: readonly Height[];
  readonly minFree: MinFree;
  /** The fewest snapshots that are left when space is short. */
  readonly minKeep: number;
  readonly hooks: Hooks;
  /** The node whose heights are taken; undefined when heights are told. */
  readonly follow: FollowConfig | undefined;
  /** How its newest snapshot is verified; undefined when it is not. */
  readonly verify: VerifyConfig | undefined;
}

/** Volumes that are snapshotted under one height. */
export interface GroupConfig {
  /** No volume is called so. */
  readonly name: string;
  /** Before those of its volumes, and after them. */
  readonly hooks: Hooks;
}

export interface Hooks {
  /** The program, absolute, and its arguments; undefined for none. */
  readonly pre: readonly string[] | undefined;
  readonly post: readonly string[] | undefined;
  readonly timeoutMs: number;
  /** Whether no snapshot is taken when pre fails. */
  readonly isPreFatal: boolean;
}

export const DEFAULTS = {
  configFile: "/etc/btm/btm.toml",
  minFree: { kind: "percent", percent: 5 },
  minKeep: 3,
  hookTimeoutMs: 30_000,
} as const satisfies { readonly minFree: MinFree } & Record<string, unknown>;

/** The same as a file with one volume. @throws BtmError of {@link parseCfg} */
export function configOfFlags(
  options: BtmOptions,
  node: { readonly follow: FollowConfig | undefined } & QuiesceConfig,
  rest: Pick<DaemonConfig, "socket" | "compatSocket">,
): DaemonConfig {
  const cfg = parseCfg(options);
  const volume: VolumeConfig = {
    name: nameOfVolume(cfg.volume),
    cfg,
    group: undefined,
    pins: [],
    minFree: DEFAULTS.minFree,
    minKeep: DEFAULTS.minKeep,
    hooks: NO_HOOKS,
    ...node,
    verify: undefined,
  };
  return { ...rest, logLevel: "info", volumes: [volume], groups: [] };
}

export const NO_HOOKS: Hooks = {
  pre: undefined,
  post: undefined,
  timeoutMs: DEFAULTS.hookTimeoutMs,
  isPreFatal: true,
};

/** What is taken under one height: a group with its volumes, or one volume that is in none. */
export interface Together {
  readonly group: GroupConfig | undefined;
  readonly volumes: readonly VolumeConfig[];
}

/** All volumes, in the order of the file by the first of each. */
export function togetherIn({ volumes, groups }: Pick<DaemonConfig, "volumes" | "groups">): Together[] {
  return volumes.flatMap((volume): Together[] => {
    const group = groups.find(({ name }) => name === volume.group);
    if (group === undefined) return [{ group, volumes: [volume] }];
    const members = volumes.filter((other) => other.group === group.name);
    return members[0] === volume ? [{ group, volumes: members }] : [];
  });
}

/** Whether a hook halts what writes to them before they are taken, or nothing is taken. */
export function haltsWriters({ group, volumes }: Together): boolean {
  const all = [...(group === undefined ? [] : [group]), ...volumes];
  return all.some(({ hooks }) => hooks.pre !== undefined && hooks.isPreFatal);
}

/** What is wrong with serving the socket of the original: its requests name no volume, so one must be meant, or one group. */
export function compatProblem({
  compatSocket,
  volumes,
}: Pick<DaemonConfig, "compatSocket" | "volumes">): string | undefined {
  const [first] = volumes;
  if (!compatSocket || volumes.length < 2) return undefined;
  if (first?.group !== undefined && volumes.every(({ group }) => group === first.group)) return undefined;
  const why = "its requests name no volume, and there is more than one";
  return `Cannot serve the datagram socket of the original: ${why}`;
}

/** What {@link isVolumeLabel} takes, for messages. */
export const LABEL_FORM = "1 to 64 letters, digits or _.-, the first a letter";

/** Letters, digits and `_.-`, a letter first: it stands in a URL, in a metric and for a volume in mode external as it is. */
export function isVolumeLabel(name: string): boolean {
  return /^[A-Za-z][A-Za-z0-9_.-]{0,63}$/.test(name);
}

/** The last part of the path or dataset, with what a label cannot have made a dash: "/data/blockchain" is "blockchain". */
export function nameOfVolume(volume: string): string {
  const last = volume.split("/").findLast((part) => part !== "") ?? "";
  const label = last
    .replace(/[^A-Za-z0-9_.-]/g, "-")
    .replace(/^[^A-Za-z]+/, "")
    .slice(0, 64);
  return label === "" ? "volume" : label;
}

/** The volume that a request means: by its name, or by what it is. */
export function isCalled({ name, cfg }: Pick<VolumeConfig, "name" | "cfg">, asked: string): boolean {
  return asked === name || (asked === cfg.volume && (isPath(asked) || asked.includes("/")));
}
