import { readFileSync } from "node:fs";

/** The ports of TCP on which something listens in the network namespace of this process, the lowest first. */
export function listeningPorts(): number[] {
  const tables = ["/proc/self/net/tcp", "/proc/self/net/tcp6"].map(read);
  return [...new Set(tables.flatMap(portsIn))].sort((a, b) => a - b);
}

/** @param table as proc_pid_net(5) has it: "0: 0100007F:2170 00000000:0000 0A ..."; 0A is TCP_LISTEN (tcp_states.h) */
export function portsIn(table: string): number[] {
  return [...table.matchAll(/^\s*\d+: [0-9A-F]+:([0-9A-F]{4}) [0-9A-F]+:[0-9A-F]{4} 0A /gm)].map(([, port = ""]) =>
    Number.parseInt(port, 16),
  );
}

/** A kernel without IPv6 has no table for it. */
function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
