/** For the fixture of quiesce: a node that counts, and holds of it. */
import { setTimeout as sleep } from "node:timers/promises";

import type { BtmError } from "../../src/errors.ts";
import { type QuiesceOptions, withQuiesce } from "../../src/quiesce/quiesce.ts";
import { Counter } from "./counter.ts";
import { startUnit, statesOf } from "./guest-units.ts";
import { type Kind, NODE, SELF } from "./other-holder.ts";

type HoldOptions = Partial<QuiesceOptions> & { readonly kind: Kind };

/** The node of the scenarios: a unit that counts, a step each millisecond. */
export function startNode(name = "node.service", dropIn = ""): Counter {
  const counter = new Counter(`/tmp/${String(nodes++)}.count`);
  startUnit(name, `ExecStart=\nExecStart=${NODE} --no-warnings ${SELF} count ${counter.file}\n${dropIn}`);
  return counter;
}

let nodes = 0;

export interface Held {
  readonly quiesce: string;
  readonly warnings: readonly string[];
  readonly heldMs: number;
}

export async function hold(options: HoldOptions, work: (quiesce: string) => Promise<void>): Promise<Held> {
  const warnings: string[] = [];
  const warn = (error: BtmError): void => {
    warnings.push(`${error.code}: ${error.message}`);
  };
  const { quiesce, heldMs } = await withQuiesce({ unit: "node", volume: "/data", warn, ...options }, work);
  return { quiesce, warnings, heldMs };
}

export async function until(what: string, isTrue: () => boolean): Promise<void> {
  for (let looks = 0; !isTrue(); looks++) {
    if (looks === 20_000) throw new Error(`never: ${what}`);
    await sleep(1);
  }
}

export const isActive = (unit: string) => (): boolean => statesOf("--", unit) === "active";
