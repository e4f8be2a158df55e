import { WebSocket, type RawData } from "ws";

import type { Clock } from "./clock.ts";
import { parseExactly } from "./exact-json.ts";
import type { Push } from "./family.ts";
import type { Channel, ChannelOptions } from "./push-channel.ts";

/**
 * Subscribes over a WebSocket. A connection that is dead without having been closed (the other machine lost its power, a
 * firewall forgot it) is told by a ping that is not answered.
 */
export function openWebSocket(
  { url, authorization, onNews, onEnd }: ChannelOptions,
  { subscribe, isNews }: Pick<Push, "subscribe" | "isNews">,
  clock: Clock,
): Channel {
  const socket = new WebSocket(url, {
    headers: authorization === undefined ? {} : { authorization },
    followRedirects: false,
    maxPayload: MAX_BYTES,
    perMessageDeflate: false,
  });
  let isOver = false;
  let isAlive = false;
  let cancelCheck = (): void => undefined;
  const end = (): void => {
    if (isOver) return;
    isOver = true;
    cancelCheck();
    socket.terminate();
    onEnd();
  };
  const check = (): void => {
    if (!isAlive) {
      end();
      return;
    }
    isAlive = false;
    socket.ping();
    cancelCheck = clock.after(PING_MS, check);
  };
  // It has as long to open as later to answer a ping.
  cancelCheck = clock.after(PING_MS, check);
  socket.on("open", () => {
    isAlive = true;
    for (const message of subscribe) socket.send(JSON.stringify(message));
  });
  socket.on("pong", () => (isAlive = true));
  socket.on("message", (data) => {
    isAlive = true;
    if (!isOver && isNews(parsed(data))) onNews();
  });
  // An error is followed by "close"; without a listener it would end the process.
  socket.on("error", end).on("close", end);
  return {
    close() {
      isOver = true;
      cancelCheck();
      socket.terminate();
    },
  };
}

/** What is not JSON is no news. */
function parsed(data: RawData): unknown {
  try {
    return parseExactly((Array.isArray(data) ? Buffer.concat(data) : Buffer.from(data as Buffer)).toString("utf8"));
  } catch {
    return undefined;
  }
}

const PING_MS = 15_000;
const MAX_BYTES = 1024 * 1024;
