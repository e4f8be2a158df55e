import type { Push } from "./family.ts";

/** The same place, for a WebSocket. */
export function webSocketUrl(url: URL, port?: number, path?: string): URL {
  const other = new URL(url);
  other.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  if (port !== undefined) other.port = String(port);
  if (path !== undefined) other.pathname = url.pathname.replace(/\/$/, "") + path;
  return other;
}

/** Whether a message is a notification of this name, not the answer to the subscription. */
export function isNotification(method: string): Push["isNews"] {
  return (message) =>
    typeof message === "object" && message !== null && "method" in message && message.method === method;
}
