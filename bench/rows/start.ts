import { interleave } from "../lib/interleave.ts";
import { measure } from "../lib/measure.ts";
import { figure, type Row } from "../lib/row.ts";

const ROUNDS = 60;

export const start: Row = {
  name: "start",
  title: "Start of the executable",
  run: async (tools) => {
    const samples = await interleave(ROUNDS, {
      executable: async () => (await measure(tools, tools.executable, "--version")).ms,
      node: async () => (await measure(tools, process.execPath, tools.program, "--version")).ms,
    });
    return [
      {
        what: "btm --version",
        unit: "ms",
        ours: figure(samples.executable),
        baseline: figure(samples.node),
        against: "the same on Node",
        target: { kind: "at-most", value: 0.4 },
      },
    ];
  },
};
