import { once } from "node:events";
import { createServer } from "node:net";
import { expect, it } from "vitest";

import { listeningPorts, portsIn } from "./listening-ports.ts";

it("reads what listens, and not what is connected", () => {
  const table = [
    "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode",
    "   0: 0100007F:2170 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1 0 100 0 0 10 0",
    "   1: 0100007F:1F90 0100007F:A1B2 01 00000000:00000000 00:00000000 00000000     0        0 2 1 0 20 4 30 10 -1",
    "  12: 00000000000000000000000000000000:20FB 00000000000000000000000000000000:0000 0A 0:0 0:0 0 0 0 3",
  ].join("\n");
  expect(portsIn(table)).toEqual([8560, 8443]);
});

it.each(["127.0.0.1", "::1"])("finds one of our own at %s", async (host) => {
  const server = createServer().listen(0, host);
  await once(server, "listening");
  const address = server.address();
  const port = typeof address === "object" ? address?.port : undefined;
  expect(listeningPorts()).toContain(port);
  server.close();
  await once(server, "close");
  expect(listeningPorts()).not.toContain(port);
});
