import { withImage } from "../lib/image.ts";
import { measure } from "../lib/measure.ts";
import { figure, type Row } from "../lib/row.ts";
import { takeSnapshots } from "../lib/snapshots.ts";

const EXISTING = 4000;
const ROUNDS = 7;

export const memory: Row = {
  name: "memory",
  title: "Peak memory of btm list",
  run: (tools) =>
    withImage(async (image) => {
      await takeSnapshots(image, 0, EXISTING);
      const resident: number[] = [];
      for (let round = 0; round < ROUNDS; round++) {
        const { residentMB, lines } = await measure(tools, tools.executable, "list", "-p", image.volume);
        if (lines < EXISTING) throw new Error(`btm list listed ${String(lines)} of ${String(EXISTING)}`);
        resident.push(residentMB);
      }
      return [
        {
          what: "peak memory of btm list, 4,000 existing",
          unit: "MB",
          ours: figure(resident),
          target: { kind: "at-most", value: 80 },
        },
      ];
    }),
};
