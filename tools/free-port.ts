import { randomInt } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:net";

/**
 * A port of this machine for a program that wants to be told one. Below those that the kernel gives away by itself, from
 * 32768 on (net.ipv4.ip_local_port_range in ip(7)): between the choice and the use nobody gets it by chance.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(LOWEST, LOWEST_GIVEN);
    const server = createServer();
    const isFree = once(server.listen(port, "127.0.0.1"), "listening").then(
      () => true,
      () => false,
    );
    if (!(await isFree)) continue;
    server.close();
    await once(server, "close");
    return port;
  }
}

const LOWEST = 20_000;
const LOWEST_GIVEN = 32_768;
