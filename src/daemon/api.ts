import { BtmError, isBtmError } from "../errors.ts";
import { snapshotAnswer, type TakenAnswer } from "../external/protocol.ts";
import { type Height, parseHeight, show } from "../height.ts";
import { within } from "../sys/within.ts";
import { quote } from "../text.ts";
import { isCalled } from "./config.ts";
import { errorText, type Log } from "./log.ts";
import type { ServedVolume } from "./served-volume.ts";
import type { Reply, WireRequest } from "./server.ts";

/** What a request needs of a volume. */
export type AskedVolume = Pick<ServedVolume, "config" | "problem" | "together" | "ask" | "list"> & {
  readonly governor: Pick<ServedVolume["governor"], "isPaused">;
};

export interface ApiOptions {
  readonly volumes: () => readonly AskedVolume[];
  readonly status: () => object;
  readonly metrics: () => string;
  readonly log: Log;
  /** After which a caller is answered, and the work goes on. */
  readonly deadlineMs: number;
}

/** What can be asked for over the socket, all of it: snapshots are taken and looked at, nothing is undone or destroyed. */
export class Api {
  readonly #options: ApiOptions;

  constructor(options: ApiOptions) {
    this.#options = options;
  }

  async handle(request: WireRequest): Promise<Reply> {
    const { method, target, peer } = request;
    const who = peer === undefined ? "peer unknown" : `pid ${peer.pid} uid ${peer.uid} gid ${peer.gid}`;
    const what = `${method.slice(0, 16)} ${target.slice(0, 200)}`;
    const { log } = this.#options;
    try {
      const reply = await this.#route(request);
      const reason = typeof reply.body === "object" && "reason" in reply.body ? String(reply.body.reason) : undefined;
      const line = `${what} from ${who}: ${reply.status}${reason === undefined ? "" : `, ${reason}`}`;
      // One for each block, or each few seconds: they are counted.
      if (reason === "not-due" || QUIET.has(target)) log.debug(line);
      else log.info(line);
      return reply;
    } catch (error) {
      const failure = isBtmError(error)
        ? error
        : new BtmError("SYSTEM_ERROR", "Something went wrong that btm does not know", { hint: "The log says more" });
      log.warning(`${what} from ${who}: ${failure.code}: ${errorText(error)}`);
      const { code, message, hint } = failure;
      return { status: statusOf(failure), body: { code, message, hint: hint ?? null } };
    }
  }

  #route({ method, target, body }: WireRequest): Reply | Promise<Reply> {
    const [path = ""] = target.split("?");
    const match = /^\/v1\/volumes\/([^/]+)\/snapshots$/.exec(path);
    if (match?.[1] !== undefined) {
      const name = decoded(match[1]);
      if (method === "POST") return this.#take(name, body);
      if (method === "GET") return this.#list(this.#volume(name));
      throw wrongMethod(path, "GET and POST");
    }
    const answer = this.#answers[path];
    if (answer === undefined || !Object.hasOwn(this.#answers, path)) {
      throw new BtmError("BAD_USAGE", `There is nothing at ${quote(path.slice(0, 200))}`, {
        hint: "docs/openapi.yaml tells what can be asked",
        details: { status: 404 },
      });
    }
    if (method !== "GET") throw wrongMethod(path, "GET");
    return answer();
  }

  readonly #answers: Readonly<Record<string, () => Reply>> = {
    "/v1/volumes": () => {
      const volumes = this.#options.volumes().map(({ config: { name, cfg, group } }) => {
        const { volume, mode, itv, cap, algo } = cfg;
        return { name, volume, mode: mode ?? null, itv: String(itv), cap, algo, group: group ?? null };
      });
      return { status: 200, body: { volumes } };
    },
    "/v1/status": () => ({ status: 200, body: this.#options.status() }),
    "/v1/health": () => {
      const problems = this.#options.volumes().flatMap(({ config: { name }, problem, governor }) => {
        const said = problem ?? (governor.isPaused ? "no snapshots are taken: space is short" : undefined);
        return said === undefined ? [] : [{ name, problem: said }];
      });
      return { status: problems.length === 0 ? 200 : 503, body: { ok: problems.length === 0, problems } };
    },
    "/metrics": () => ({ status: 200, body: this.#options.metrics() }),
  };

  #volume(name: string): AskedVolume {
    const volumes = this.#options.volumes();
    const found =
      volumes.find(({ config }) => config.name === name) ?? volumes.find(({ config }) => isCalled(config, name));
    if (found !== undefined) return found;
    throw new BtmError("VOLUME_MISSING", `The daemon does not know the volume ${quote(name.slice(0, 200))}`, {
      hint: `It knows ${volumes.map(({ config }) => config.name).join(", ")}`,
      details: { status: 404 },
    });
  }

  /** A group is asked for by its own name or that of any of its volumes. */
  async #take(name: string, body: string): Promise<Reply> {
    const member = this.#options.volumes().find(({ config }) => config.group === name);
    const volume = member ?? this.#volume(name);
    const asked = { volume: member === undefined ? volume.config.name : name, volumes: [...volume.together] };
    const height = heightIn(body);
    const answer = await within(this.#options.deadlineMs, volume.ask(height));
    if (answer === undefined) return { status: 202, body: takenAnswer(asked, { height, reason: "pending" }) };
    const { taken, reason, last, winner, pruned } = answer;
    return { status: 200, body: takenAnswer(asked, { height, taken, reason, last, winner, pruned }) };
  }

  async #list(volume: AskedVolume): Promise<Reply> {
    const snapshots = await within(this.#options.deadlineMs, volume.list());
    if (snapshots === undefined) {
      const seconds = String(this.#options.deadlineMs / 1000);
      throw new BtmError("TIMED_OUT", `The disk gave no answer within ${seconds} s`, { hint: "Look at the disk" });
    }
    return { status: 200, body: { volume: volume.config.name, snapshots: snapshots.map(snapshotAnswer) } };
  }
}

interface Taken {
  readonly height: Height;
  readonly reason: TakenAnswer["reason"];
  readonly taken?: boolean;
  readonly last?: Height | undefined;
  readonly winner?: Height | undefined;
  readonly pruned?: readonly Height[];
}

function takenAnswer(
  asked: Pick<TakenAnswer, "volume" | "volumes">,
  { height, reason, taken, last, winner, pruned }: Taken,
): TakenAnswer {
  return {
    ...asked,
    height: String(height),
    taken: taken ?? false,
    reason,
    last: last === undefined ? null : String(last),
    winner: winner === undefined ? null : String(winner),
    pruned: (pruned ?? []).map(String),
  };
}

/**
 * The height in `{"height":123}`, a number or decimal digits. The usual form is read as text: JSON.parse would round a
 * number beyond 2^53.
 */
function heightIn(body: string): Height {
  const match = /^\s*\{\s*"height"\s*:\s*("?)(\d{1,20})\1\s*\}\s*$/.exec(body);
  if (match?.[2] !== undefined) return parseHeight(match[2]);
  const wanted = 'expected {"height":123}';
  let parsed: unknown;
  try {
    parsed = JSON.parse(body);
  } catch {
    throw new BtmError("BAD_USAGE", `Cannot read the body ${quote(body.slice(0, 100))}: not JSON, ${wanted}`);
  }
  if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed)) {
    throw new BtmError("BAD_USAGE", `Cannot use ${show(parsed).slice(0, 100)} as the body: ${wanted}`);
  }
  const unknown = Object.keys(parsed).find((key) => key !== "height");
  if (unknown !== undefined) {
    throw new BtmError("BAD_OPTION", `Unknown key ${quote(unknown.slice(0, 100))} in the body: ${wanted}`);
  }
  const { height } = parsed as { readonly height?: unknown };
  // It is the parser that checks what it is.
  return parseHeight((typeof height === "string" ? height.slice(0, 100) : height) as string);
}

function decoded(encoded: string): string {
  try {
    return decodeURIComponent(encoded);
  } catch {
    throw new BtmError("BAD_USAGE", `Cannot read the volume ${quote(encoded.slice(0, 100))} in the path: bad escapes`);
  }
}

function wrongMethod(path: string, allowed: string): BtmError {
  const message = `Cannot use this method on ${quote(path.slice(0, 200))}: expected ${allowed}`;
  return new BtmError("BAD_USAGE", message, { details: { status: 405 } });
}

function statusOf({ code, exitStatus, details }: BtmError): number {
  const { status } = details;
  if (typeof status === "number") return status;
  if (code === "TIMED_OUT") return 504;
  return STATUS[exitStatus] ?? 500;
}

/** What is asked by machines, again and again. */
const QUIET: ReadonlySet<string> = new Set(["/metrics", "/v1/health", "/v1/status"]);

/** Of HTTP, by the exit status of the command line. */
const STATUS: Readonly<Record<number, number>> = { 2: 400, 3: 503, 4: 404, 5: 409, 6: 503, 8: 507 };
