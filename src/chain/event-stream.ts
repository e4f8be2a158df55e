import { type ClientRequest, request as requestHttp } from "node:http";
import { request as requestHttps } from "node:https";

import type { Clock } from "./clock.ts";
import type { Channel, ChannelOptions } from "./push-channel.ts";

/** Listens to server-sent events. What they say is not read: that there is one is the news. */
export function openEventStream({ url, authorization, onNews, onEnd }: ChannelOptions, clock: Clock): Channel {
  let isOver = false;
  let cancelSilence = (): void => undefined;
  const request = url.protocol === "https:" ? requestHttps : requestHttp;
  const call: ClientRequest = request(url, {
    agent: false,
    headers: { accept: "text/event-stream", ...(authorization === undefined ? {} : { authorization }) },
  });
  const end = (): void => {
    if (isOver) return;
    isOver = true;
    cancelSilence();
    call.destroy();
    onEnd();
  };
  const heard = (): void => {
    cancelSilence();
    if (!isOver) cancelSilence = clock.after(SILENCE_MS, end);
  };
  heard();
  call.on("error", end).on("close", end);
  call.on("response", (response) => {
    response.on("error", end).on("close", end);
    if (response.statusCode !== 200 || !(response.headers["content-type"] ?? "").startsWith("text/event-stream")) {
      end();
      return;
    }
    let rest = "";
    response.setEncoding("utf8").on("data", (text: string) => {
      heard();
      // A line may come in pieces; of one that is long only the beginning is needed, and its end.
      const lines = (rest + text).split(/\r\n|\n|\r/);
      rest = (lines.pop() ?? "").slice(0, FIELD.length);
      if (lines.some((line) => line.startsWith(FIELD)) && !isOver) onNews();
    });
  });
  call.end();
  return {
    close() {
      isOver = true;
      cancelSilence();
      call.destroy();
    },
  };
}

const FIELD = "data:";
/** Five slots of 12 s: a node that says nothing for that long has nothing to say, or is no longer there. */
const SILENCE_MS = 60_000;
