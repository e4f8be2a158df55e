/** For the fixture of quiesce: who holds a node is killed, or who guards it, or both. */
import { setTimeout as sleep } from "node:timers/promises";

import { statesOf, systemctl } from "./guest-units.ts";
import { startNode, until } from "./held-node.ts";
import { guards, killGuard, left } from "./hold-guards.ts";
import { BUN, type Kind, NODE, OtherHolder } from "./other-holder.ts";

/** A name that must be written with care. */
export const ODD = String.raw`node\x2da@x\x2dy.service`;
const ROUNDS = Number(process.argv[3] ?? 10);

async function killed(kind: Kind, unit: string, kill: (holder: OtherHolder) => Promise<number>, program = NODE) {
  const counter = startNode(unit);
  await counter.advances();
  const holder = new OtherHolder(kind, unit, { program });
  const said = await holder.line();
  const during = kind === "freeze" ? await counter.stands() : statesOf("--", unit);
  const at = await kill(holder);
  await counter.advances();
  const ms = performance.now() - at;
  holder.process.kill("SIGKILL");
  await until("the guard is gone", () => guards().length === 0);
  return { said, during, ms, state: statesOf("--", unit), left: left() };
}

export const killedHolders: Readonly<Record<string, () => unknown>> = {
  "killed, freeze, node": () => killed("freeze", "node.service", (holder) => holder.kill()),
  "killed, freeze, bun": () => killed("freeze", "node.service", (holder) => holder.kill(), BUN),
  "killed, stop, node": () => killed("stop", "node.service", (holder) => holder.kill()),
  "killed, stop, bun": () => killed("stop", "node.service", (holder) => holder.kill(), BUN),
  "killed, freeze, with its guard": () =>
    killed("freeze", "node.service", (holder) => {
      killGuard();
      return holder.kill();
    }),
  "killed, stop, with its guard": () =>
    killed("stop", "node.service", (holder) => {
      killGuard();
      return holder.kill();
    }),
  "killed, freeze, odd name": () => killed("freeze", ODD, (holder) => holder.kill()),
  "killed, stop, odd name": () => killed("stop", ODD, (holder) => holder.kill()),
  "killed at any moment": async () => {
    const counter = startNode();
    await counter.advances();
    let longest = 0;
    for (let round = 0; round < ROUNDS; round++) {
      const holder = new OtherHolder("freeze", "node.service", { program: BUN, workMs: 2, isAgain: true });
      await holder.line();
      await sleep(Math.random() * 100);
      const at = await holder.kill();
      // Whether it was frozen, was about to be, or had just been: it is not when the guard is gone, nor ever after.
      await until("the guard is gone", () => guards().length === 0);
      await counter.advances();
      longest = Math.max(longest, performance.now() - at);
    }
    return { longest, state: statesOf("node"), left: left() };
  },

  "its guard is killed": () =>
    killed("freeze", "node.service", () => {
      killGuard();
      return Promise.resolve(performance.now());
    }),
  "systemd is loaded and executed anew": () =>
    killed("freeze", "node.service", (holder) => {
      systemctl("daemon-reload");
      systemctl("daemon-reexec");
      return holder.kill();
    }),
};
