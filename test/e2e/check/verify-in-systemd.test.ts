import { existsSync } from "node:fs";
import { beforeAll, describe, expect, it } from "vitest";

import { LITECOIND } from "../../../tools/demo/machine.ts";
import { librariesOf } from "../../support/libraries-of.ts";
import { findSystemd, GUEST_MS, inSystemd } from "../../support/systemd-guest.ts";

const systemd = findSystemd();
const canRun = systemd !== undefined && existsSync(LITECOIND);
if (!canRun) {
  console.error(
    '\n*** NOT TESTED: verify = "weekly" of the daemon, which needs the lab for a systemd, and litecoind ***\n',
  );
}

interface Found {
  readonly during: string;
  readonly found: Readonly<Record<"height" | "outcome" | "stands", string | null>>;
  readonly listed: string;
  readonly metrics: readonly string[];
  readonly log: readonly string[];
  readonly after: string;
  readonly copies: readonly string[];
  readonly node: string;
}

describe.skipIf(!canRun)("the daemon of the package, which follows a litecoind under a real systemd", () => {
  let found: Found | undefined;
  beforeAll(async () => {
    const files = ["btm_package.tar.gz", LITECOIND, ...librariesOf(LITECOIND)];
    found = (await inSystemd(systemd ?? "", "verify-in-systemd", files)) as Found;
  }, GUEST_MS);

  it("verifies the newest snapshot by itself, in a unit of its own that a restart of the daemon leaves alone", () => {
    const { height, outcome, stands } = found?.found ?? {};
    expect([found?.during, outcome, stands], JSON.stringify(found)).toEqual(["active", "exact", height]);
    expect(found?.log.join("\n")).toMatch(/is waited for|is not waited for/);
  });

  it("tells of it in the list and the metrics, and leaves nothing but the proof", () => {
    expect(found?.listed).toContain("verified");
    expect(found?.metrics).toEqual(['btm_verified_ok{volume="litecoin"} 1']);
    expect(found).toMatchObject({ after: "inactive", copies: [], node: "active" });
  });
});
