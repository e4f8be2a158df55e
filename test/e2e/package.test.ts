import { beforeAll, describe, expect, it } from "vitest";

import { findSystemd, findZfsSystemd, GUEST_MS, inSystemd } from "../support/systemd-guest.ts";

const kinds = [
  { kind: "btrfs", systemd: findSystemd(), volume: "/data/chain", instance: "-data-chain" },
  { kind: "zfs", systemd: findZfsSystemd(), volume: "tank/chain", instance: "tank-chain" },
];
if (kinds.some(({ systemd }) => systemd === undefined)) {
  console.error("\n*** NOT TESTED: the package, which needs the lab for a systemd of its own ***\n");
}

interface Ran {
  readonly status: number;
  readonly said: string;
}

describe.each(kinds.filter(({ systemd }) => systemd !== undefined))(
  "the package under a real systemd, $kind",
  ({ kind, systemd, volume, instance }) => {
    let results: Readonly<Record<string, unknown>> = {};
    beforeAll(async () => {
      const files = ["btm_package.tar.gz", "build/btm.deb"];
      results = (await inSystemd(systemd ?? "", "package-in-systemd", files, [kind])) as typeof results;
    }, GUEST_MS);

    it("refuses options that are no good before it touches anything", () => {
      const { refused, ...rest } = results["options that are no good"] as { readonly refused: readonly Ran[] };
      expect(refused.map(({ status }) => status)).toEqual(Array<number>(11).fill(2));
      expect(refused.map(({ said }) => said.trim().split("\n")[0])).toMatchSnapshot();
      expect(rest).toEqual({ there: [], group: 2 });
    });

    it("follows no link to where somebody else has documents, and touches nothing", () => {
      expect(results["a link where the documents belong"]).toEqual({
        status: 1,
        said: expect.stringContaining("/usr/local/share/doc/btm is a link") as string,
        there: [],
        isMineThere: true,
      });
    });

    it("helps", () => {
      expect(results["help"]).toMatchObject({
        status: 0,
        said: expect.stringContaining("--snapshot-volume") as string,
      });
    });

    it("installs, enables and starts the daemon, confined, its socket open to the group only", () => {
      const found = results["an installation"] as { readonly exposure: string };
      console.info(found.exposure);
      expect(Number(/: ([\d.]+) /.exec(found.exposure)?.[1])).toBeLessThanOrEqual(4);
      expect(found).toMatchObject({
        status: 0,
        said: true,
        there: [
          "/usr/local/bin/btm",
          "/usr/local/share/man/man1/btm.1",
          "/etc/btm/btm.toml",
          "/usr/local/share/doc/btm/docs/daemon.md",
          "/usr/local/share/doc/btm/docs/chains/cosmos.md",
          "/etc/systemd/system/btm-daemon.service",
          "/etc/systemd/system/btm-recover@.service",
        ],
        config: [
          '[volumes."chain"]',
          `volume = "${volume}"`,
          "itv = 4",
          "cap = 100",
          `mode = "${kind}"`,
          'algo = "fade"',
          "",
        ],
        enabled: "enabled",
        recovery: [`btm-recover@${instance}.service`],
        socket: ["root:btm 660", "root:btm 750"],
      });
    });

    it("takes snapshots for who is in the group, tells who it was, and does nothing else for anybody", () => {
      expect(results["who may ask"]).toEqual({
        node: 0,
        again: { status: 0, said: expect.stringContaining("4") as string },
        notDue: { status: 0, said: expect.stringContaining("5") as string },
        stranger: expect.toSatisfy((status) => status !== 0) as number,
        strangerByItself: 7,
        rollback: expect.toSatisfy((status) => status !== 0) as number,
        heights: ["4"],
        logged: true,
      });
    });

    it("stops, starts with what a boot reaches, and reloads", () => {
      expect(results["stopped and started"]).toEqual({
        stopped: ["inactive", expect.toSatisfy((status) => status !== 0) as number],
        started: 0,
        heights: ["4", "8"],
      });
    });

    it("comes back after kill -9, and when it hangs", () => {
      expect(results["killed"]).toEqual({ state: "active", status: 0 });
      expect(results["stopped in its tracks"]).toBe("active");
    });

    it("upgrades in place, and keeps a configuration that was changed", () => {
      expect(results["an upgrade"]).toEqual({
        upgraded: [0, 0],
        isMine: true,
        isOther: true,
        again: 0,
        old: true,
        state: "active",
        heights: ["4", "8", "12"],
      });
    });

    it("goes without a trace, and leaves every snapshot", () => {
      expect(results["taken away"]).toEqual({ status: 0, there: [], group: 2, socket: false, kept: true, again: 0 });
    });

    it("is a Debian package as well, which waits for its configuration", () => {
      expect(results["as a Debian package"]).toEqual({
        installed: 0,
        waits: "inactive",
        taken: 0,
        upgraded: [0, "active"],
        removed: 0,
        state: "inactive",
        config: true,
      });
    });
  },
);
