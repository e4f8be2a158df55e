import { describe, expect, it } from "vitest";

import { nearestName } from "./suggest.ts";
import { checkUnitName } from "./unit-name.ts";

describe("checkUnitName", () => {
  it.each([
    ["node", "node.service"],
    ["node.service", "node.service"],
    ["node.v2", "node.v2.service"],
    ["geth@mainnet", "geth@mainnet.service"],
    ["geth@a\\x2db.service", "geth@a\\x2db.service"],
    ["node.socket", "node.socket"],
    ["backup.timer", "backup.timer"],
  ])("takes %j as %j", (given, unit) => {
    expect(checkUnitName(given)).toBe(unit);
  });

  it.each([
    "",
    ".service",
    "-H",
    "--all",
    "--root=/x.service",
    "node service",
    "node*",
    "node[12].service",
    "node?",
    "/etc/systemd/system/node.service",
    "a/b",
    "a\nb",
    "a\0b",
    "nöde",
    "geth@",
    "geth@.service",
    "data.mount",
    "-.slice",
    "system.slice",
    "session-1.scope",
    "dev-sda.device",
    "x".repeat(250),
    5,
    undefined,
  ])("refuses %j", (given) => {
    expect(() => checkUnitName(given)).toThrow(expect.objectContaining({ code: "BAD_OPTION" }));
  });
});

describe("nearestName", () => {
  const names = ["litecoind.service", "cosmovisor.service", "ssh.service", "systemd-journald.service"];
  it.each([
    ["litecoin.service", "litecoind.service"],
    ["litecoid.service", "litecoind.service"],
    ["journald.service", "systemd-journald.service"],
    ["sssh.service", "ssh.service"],
    ["geth.service", undefined],
  ])("%j: %j", (given, near) => {
    expect(nearestName(given, names)).toBe(near);
  });
});
