import type { ServedVolume } from "./served-volume.ts";

interface Metric {
  readonly name: string;
  readonly help: string;
  readonly type: "counter" | "gauge";
  /** Undefined where it is not known. */
  readonly of: (volume: ServedVolume) => number | bigint | undefined;
}

const METRICS: readonly Metric[] = [
  {
    name: "up",
    help: "1 when the volume can be worked on",
    type: "gauge",
    of: ({ problem }) => flag(problem === undefined),
  },
  {
    name: "snapshots",
    help: "Snapshots as last seen",
    type: "gauge",
    of: ({ queue }) => (queue.known.isKnown ? queue.known.count : undefined),
  },
  {
    name: "newest_height",
    help: "The newest height that has a snapshot",
    type: "gauge",
    of: ({ queue }) => queue.known.newest,
  },
  { name: "queue_depth", help: "Heights that wait or are under way", type: "gauge", of: ({ queue }) => queue.depth },
  {
    name: "failures_total",
    help: "Snapshots and looks that failed",
    type: "counter",
    of: ({ counts }) => counts.failures,
  },
  { name: "pruned_total", help: "Snapshots removed", type: "counter", of: ({ counts }) => counts.pruned },
  {
    name: "snapshot_seconds_total",
    help: "Time spent taking snapshots",
    type: "counter",
    of: ({ counts }) => counts.seconds,
  },
  {
    name: "last_snapshot_timestamp_seconds",
    help: "When the last one was taken",
    type: "gauge",
    of: ({ counts }) => (counts.lastTakenAt === undefined ? undefined : counts.lastTakenAt.getTime() / 1000),
  },
  { name: "free_bytes", help: "What can still be written", type: "gauge", of: ({ governor }) => governor.free },
  { name: "min_free_bytes", help: "What must stay free", type: "gauge", of: ({ governor }) => governor.wanted },
  {
    name: "paused",
    help: "1 while space is too short for snapshots",
    type: "gauge",
    of: ({ governor }) => flag(governor.isPaused),
  },
  {
    name: "node_head",
    help: "The newest height of the node that is followed, as last said",
    type: "gauge",
    of: ({ node }) => node?.state.reading?.head.height,
  },
  {
    name: "node_ok",
    help: "1 when the node that is followed answers, is on its chain and goes on",
    type: "gauge",
    of: ({ node }) => (node === undefined ? undefined : flag(!node.isIll)),
  },
  {
    name: "orphaned_snapshots",
    help: "Snapshots whose block is no longer on the chain, of the newest",
    type: "gauge",
    of: ({ node, orphans }) => (node === undefined ? undefined : orphans.length),
  },
  {
    name: "verified_timestamp_seconds",
    help: "When a snapshot was last verified, whatever came of it",
    type: "gauge",
    of: ({ verification }) => {
      const at = verification?.last?.verified.at;
      return at === undefined ? undefined : Date.parse(at) / 1000;
    },
  },
  {
    name: "verified_ok",
    help: "1 when a node started from the snapshot that was last verified, and stood where it should",
    type: "gauge",
    of: ({ verification }) => {
      const outcome = verification?.last?.verified.outcome;
      return outcome === undefined ? undefined : flag(outcome === "exact" || outcome === "passed");
    },
  },
];

export interface ServerCounts {
  readonly connections: number;
  readonly refused: number;
}

/** The text format of Prometheus, version 0.0.4. Names of volumes are letters, digits and _.-, and need no escape. */
export function metricsText(
  volumes: readonly ServedVolume[],
  server: ServerCounts,
  compat?: ReadonlyMap<string, number>,
): string {
  const lines: string[] = [];
  for (const { name, help, type, of } of METRICS) {
    lines.push(`# HELP btm_${name} ${help}`, `# TYPE btm_${name} ${type}`);
    for (const volume of volumes) {
      const value = of(volume);
      if (value !== undefined) lines.push(`btm_${name}{volume="${volume.config.name}"} ${String(value)}`);
    }
  }
  lines.push(
    "# HELP btm_answers_total Requests for snapshots, by how they were answered",
    "# TYPE btm_answers_total counter",
  );
  for (const { config, counts } of volumes) {
    for (const [reason, n] of counts.answers) {
      lines.push(`btm_answers_total{volume="${config.name}",reason="${reason}"} ${n}`);
    }
  }
  lines.push(
    "# HELP btm_connections Open connections",
    "# TYPE btm_connections gauge",
    `btm_connections ${server.connections}`,
  );
  lines.push(
    "# HELP btm_connections_refused_total Connections over the limit",
    "# TYPE btm_connections_refused_total counter",
  );
  lines.push(`btm_connections_refused_total ${server.refused}`);
  if (compat !== undefined) {
    lines.push("# HELP btm_datagrams_total Of the original's clients, by what became of them");
    lines.push("# TYPE btm_datagrams_total counter");
    for (const [result, n] of compat) lines.push(`btm_datagrams_total{result="${result}"} ${n}`);
  }
  return `${lines.join("\n")}\n`;
}

function flag(value: boolean): number {
  return value ? 1 : 0;
}
