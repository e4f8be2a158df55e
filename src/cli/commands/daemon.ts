import { compatProblem, configOfFlags, type DaemonConfig, DEFAULTS } from "../../daemon/config.ts";
import { readConfigFile } from "../../daemon/config-file.ts";
import {
  type FollowConfig,
  type QuiesceConfig,
  quiesceProblem,
  readFollow,
  readQuiesce,
} from "../../daemon/follow-config.ts";
import { Daemon } from "../../daemon/daemon.ts";
import { Log } from "../../daemon/log.ts";
import { BtmError } from "../../errors.ts";
import { checkSocketPath, DEFAULT_SOCKET } from "../../socket-path.ts";
import type { Command, CommonFlags, Context } from "../context.ts";

export interface DaemonFlags extends CommonFlags {
  readonly itv?: string;
  readonly cap?: string;
  readonly algo?: string;
  readonly config?: string;
  readonly compatSocket?: boolean;
  readonly follow?: string;
  readonly chain?: string;
  readonly finality?: string;
  readonly cookie?: string;
  readonly whileSyncing?: string;
  readonly heightPath?: string;
  readonly heightBase?: string;
  readonly heightOffset?: string;
  readonly quiesce?: string;
  readonly unit?: string;
}

/** Runs until it is told to end. */
export const daemon: Command<DaemonFlags> = async (flags, context) => {
  const load = loader(flags, context);
  const log = new Log({
    write: (line) => {
      context.output.log(line);
    },
    isJournal: context.env["JOURNAL_STREAM"] !== undefined,
    now: () => new Date(),
  });
  const running = new Daemon({ load, log, env: context.env });
  const ended = untilTold(() => {
    void running.reload();
  });
  await running.start();
  log.info(`Got ${await ended}: ending`);
  await running.stop();
  return 0;
};

/** What is said of the node of a volume. */
const OF_NODE = ["follow", "chain", "finality", "cookie", "whileSyncing", "quiesce", "unit", "heightPath"] as const;

function loader(flags: DaemonFlags, context: Context): () => Promise<DaemonConfig> {
  const { itv, cap, algo, mode, config, compatSocket = false } = flags;
  // What a shell happens to have set does not stand against what was said.
  const fromEnv = config === undefined && context.volumeFromEnv !== "" ? context.volumeFromEnv : undefined;
  const volume = flags.volume ?? fromEnv;
  const ofVolume = {
    ...(itv === undefined ? {} : { itv }),
    ...(cap === undefined ? {} : { cap }),
    ...(algo === undefined ? {} : { algo }),
    ...(mode === undefined ? {} : { mode }),
  };
  if (mode?.toLowerCase() === "external") {
    throw new BtmError("BAD_MODE", "Cannot use mode external: the daemon is what external mode asks");
  }
  if (volume !== undefined) {
    if (config !== undefined) throw new BtmError("BAD_USAGE", "Give a volume or a configuration, not both");
    const socket = checkSocketPath(flags.socket ?? DEFAULT_SOCKET);
    const node = nodeOfFlags(flags);
    return () => Promise.resolve(configOfFlags({ volume, ...ofVolume }, node, { socket, compatSocket }));
  }
  const isOfVolume = Object.keys(ofVolume).length > 0 || OF_NODE.some((key) => flags[key] !== undefined);
  if (isOfVolume) {
    throw new BtmError("NO_VOLUME_GIVEN", "No volume given, which --itv, --cap, --algo, --mode and --follow are for", {
      hint: "Give it by -p, or put all into the configuration",
    });
  }
  return async () => {
    const read = await readConfigFile(config ?? DEFAULTS.configFile);
    const socket = flags.socket === undefined ? read.socket : checkSocketPath(flags.socket);
    const loaded = { ...read, socket, compatSocket: compatSocket || read.compatSocket };
    const compat = compatProblem(loaded);
    if (compat !== undefined) throw new BtmError("BAD_CONFIG", compat, { hint: "Leave --compat-socket out" });
    return loaded;
  };
}

/** @throws BtmError BAD_OPTION, BAD_USAGE */
function nodeOfFlags(flags: DaemonFlags): { readonly follow: FollowConfig | undefined } & QuiesceConfig {
  const { quiesce: asked, unit, follow: url, chain, finality, cookie, whileSyncing } = flags;
  const { heightPath, heightBase, heightOffset } = flags;
  const input = { follow: url, chain, finality, cookie, whileSyncing, heightPath, heightBase, heightOffset };
  const follow = readFollow(input, (_key, read) => read());
  const quiesce = readQuiesce(asked);
  const problem = quiesceProblem({ quiesce, unit }, follow !== undefined);
  if (problem !== undefined) throw new BtmError("BAD_USAGE", problem, { hint: "docs/following.md tells more" });
  return { follow, quiesce, unit };
}

/** The first SIGTERM or SIGINT; the second ends the process at once. SIGHUP is what an operator reloads by. */
function untilTold(reload: () => void): Promise<NodeJS.Signals> {
  const { promise, resolve } = Promise.withResolvers<NodeJS.Signals>();
  let isTold = false;
  // Those of other commands, for which SIGHUP is an end as well.
  for (const name of ["SIGHUP", "SIGTERM", "SIGINT"] as const) process.removeAllListeners(name);
  process.on("SIGHUP", reload);
  for (const [name, number] of [
    ["SIGTERM", 15],
    ["SIGINT", 2],
  ] as const) {
    process.on(name, () => {
      if (isTold) process.exit(128 + number);
      isTold = true;
      resolve(name);
    });
  }
  return promise;
}
