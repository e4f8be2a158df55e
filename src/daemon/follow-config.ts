import { isAbsolute } from "node:path";

import { checkFinality, familyOf } from "../chain/families.ts";
import { FAMILY_NAMES, type FamilyName, type Finality, parseFinality } from "../chain/family.ts";
import type { HttpOptions } from "../chain/http.ts";
import { parseNodeUrl } from "../chain/node-client.ts";
import { BtmError } from "../errors.ts";
import { show } from "../height.ts";
import { type Quiesce, QUIESCE } from "../node-facts.ts";

/** The node whose heights are followed. */
export interface FollowConfig {
  readonly url: string;
  /** Found out by asking when undefined. */
  readonly family: FamilyName | undefined;
  readonly finality: Finality;
  readonly user: string | undefined;
  readonly password: string | undefined;
  /** Absolute, or below the volume. */
  readonly cookie: string | undefined;
  /** What the node must say of its chain; undefined for what it said before. */
  readonly expectChain: string | undefined;
  /** Where it tells of news; undefined where its family does, false never. */
  readonly push: string | false | undefined;
  readonly whileSyncing: "skip" | "take";
  /** Of the family http. */
  readonly http: HttpOptions | undefined;
}

/** What is done to the node when a snapshot is taken. */
export interface QuiesceConfig {
  /** Undefined for what suits the family. */
  readonly quiesce: Quiesce | undefined;
  /** The systemd unit of the node. */
  readonly unit: string | undefined;
}

/** As a file or flags have them. */
export interface FollowInput {
  readonly follow?: string | undefined;
  readonly chain?: string | undefined;
  readonly finality?: string | undefined;
  readonly user?: string | undefined;
  readonly password?: string | undefined;
  readonly cookie?: string | undefined;
  readonly expectChain?: string | undefined;
  readonly push?: string | boolean | undefined;
  readonly whileSyncing?: string | undefined;
  readonly heightPath?: string | undefined;
  readonly heightBase?: string | undefined;
  readonly heightOffset?: string | undefined;
  readonly hashPath?: string | undefined;
  readonly requestBody?: string | undefined;
}

export type FollowKey = keyof FollowInput;

/** Refuses a value, by its key. */
type Attempt = <T>(key: FollowKey, read: () => T) => T | undefined;

/**
 * @param attempt runs what refuses a value: a file goes on, to tell of all at once
 * @returns undefined when no node is to be followed
 */
export function readFollow(input: FollowInput, attempt: Attempt): FollowConfig | undefined {
  const { follow, user, password, cookie, expectChain } = input;
  if (follow === undefined) {
    for (const [key, value] of Object.entries(input) as [FollowKey, unknown][]) {
      if (value !== undefined)
        attempt(key, () => refuse(key, shownOf(key, value), "it says how a node is followed, and none is"));
    }
    return undefined;
  }
  attempt("follow", () => parseNodeUrl(follow));
  const family = attempt("chain", () => readFamily(input.chain, input.heightPath !== undefined));
  const http = readHttp(input, attempt);
  const finality = attempt("finality", () => {
    const parsed = parseFinality(input.finality ?? "latest");
    if (family !== undefined) checkFinality(familyOf(family, http), parsed);
    return parsed;
  });
  const whileSyncing = attempt("whileSyncing", () =>
    oneOf("while_syncing", input.whileSyncing ?? "skip", ["skip", "take"]),
  );
  const push = attempt("push", () => readPush(input.push));
  return {
    url: follow,
    family,
    http,
    finality: finality ?? { kind: "latest" },
    user,
    password,
    cookie: attempt("cookie", () => checkCookie(cookie)),
    expectChain,
    push,
    whileSyncing: whileSyncing ?? "skip",
  };
}

/** @throws BtmError BAD_OPTION */
export function readQuiesce(quiesce: string | undefined): Quiesce | undefined {
  return quiesce === undefined ? undefined : oneOf("quiesce", quiesce, QUIESCE);
}

/** What is wrong with halting or stopping what nobody has named, or asking what nobody follows. */
export function quiesceProblem({ quiesce, unit }: QuiesceConfig, isFollowed: boolean): string | undefined {
  if ((quiesce === "freeze" || quiesce === "stop") && unit === undefined) {
    return `Cannot use quiesce ${quiesce}: it is done to a systemd unit, and none is given`;
  }
  if (quiesce === "flush" && !isFollowed) {
    return "Cannot use quiesce flush: a node is asked for it, and none is followed";
  }
  if (unit !== undefined && quiesce !== "freeze" && quiesce !== "stop") {
    return "Cannot use unit: nothing is done to it but by the quiesce freeze or stop";
  }
  return undefined;
}

function readFamily(chain: string | undefined, hasPath: boolean): FamilyName | undefined {
  if (chain === undefined) return hasPath ? "http" : undefined;
  const family = FAMILY_NAMES.find((name) => name === chain);
  if (family === undefined) refuse("chain", show(chain), `expected ${FAMILY_NAMES.join(", ")}`);
  if (family === "http" && !hasPath) {
    refuse("chain", "http", "it wants height_path, the path to the height in the answer");
  }
  if (family !== "http" && hasPath) refuse("chain", show(chain), "height_path is for the family http alone");
  return family;
}

function readHttp(input: FollowInput, attempt: Attempt): HttpOptions | undefined {
  const { heightPath, hashPath, requestBody } = input;
  if (heightPath === undefined) {
    for (const key of ["heightBase", "heightOffset", "hashPath", "requestBody"] as const) {
      const value = input[key];
      if (value !== undefined) attempt(key, () => refuse(key, shownOf(key, value), "it is for the family http alone"));
    }
    return undefined;
  }
  const base = attempt("heightBase", () => oneOf("height_base", input.heightBase ?? "auto", ["dec", "hex", "auto"]));
  const offset = attempt("heightOffset", () => {
    const text = input.heightOffset ?? "0";
    if (!/^-?\d{1,19}$/.test(text)) refuse("heightOffset", show(text), "expected a whole number, for example -1");
    return BigInt(text);
  });
  const options: HttpOptions = {
    path: heightPath,
    ...(base === undefined ? {} : { base }),
    ...(offset === undefined ? {} : { offset }),
    ...(hashPath === undefined ? {} : { hashPath }),
    ...(requestBody === undefined ? {} : { body: requestBody }),
  };
  return attempt("heightPath", () => {
    familyOf("http", options);
    return options;
  });
}

function readPush(push: FollowInput["push"]): string | false | undefined {
  if (push === true || push === undefined) return undefined;
  if (push === false) return false;
  parseNodeUrl(push);
  return push;
}

function checkCookie(cookie: string | undefined): string | undefined {
  if (cookie === undefined) return undefined;
  const isInside = !isAbsolute(cookie) && !cookie.split("/").includes("..");
  if (cookie.includes("\0") || cookie === "" || !(isAbsolute(cookie) || isInside)) {
    refuse("cookie", show(cookie), "expected a path, absolute or below the volume");
  }
  return cookie;
}

function oneOf<const T extends string>(key: string, value: string, known: readonly T[]): T {
  const found = known.find((one) => one === value);
  return found ?? refuse(key, show(value), `expected ${known.join(", ")}`);
}

/** What may hold a secret is told by its key alone. */
function shownOf(key: FollowKey, value: unknown): string {
  return SECRET.has(key) ? "as it is given" : show(value);
}

const SECRET: ReadonlySet<FollowKey> = new Set(["follow", "push", "user", "password", "cookie", "requestBody"]);

function refuse(key: string, value: string, why: string): never {
  const name = key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  throw new BtmError("BAD_OPTION", `Cannot use ${name} ${value}: ${why}`);
}
