import { expect, it } from "vitest";

import { unitInGroups } from "./processes.ts";

it.each<[string, string, string | undefined]>([
  ["version 2", "0::/system.slice/node.service\n", "node.service"],
  ["a group that the unit made within its own", "0::/system.slice/node.service/worker/1\n", "node.service"],
  ["a session", "0::/user.slice/user-0.slice/session-1.scope\n", "session-1.scope"],
  [
    "a unit of a user's own systemd",
    "0::/user.slice/user-1000.slice/user@1000.service/app.slice/node.service\n",
    "node.service",
  ],
  ["version 1", "12:pids:/system.slice/a.service\n1:name=systemd:/system.slice/node.service\n", "node.service"],
  ["both", "1:name=systemd:/system.slice/node.service\n0::/\n", "node.service"],
  ["an escaped name", "0::/system.slice/system-node.slice/node@a\\x2db.service\n", "node@a\\x2db.service"],
  ["a colon in the name", "0::/system.slice/a:b.service\n", "a:b.service"],
  ["the root", "0::/\n", undefined],
  ["the root slice", "0::/-.slice\n", undefined],
  ["no systemd", "0::/docker/abc\n", undefined],
  ["a process that is gone", "", undefined],
])("tells the unit: %s", (_, cgroup, unit) => {
  expect(unitInGroups(cgroup)).toBe(unit);
});
