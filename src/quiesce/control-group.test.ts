import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { parseMounts } from "../sys/mounts.ts";
import { groupFolder, isOfUnit, isWithin, parseEvents } from "./control-group.ts";

const line = (root: string, at: string, type: string): string => `72 71 0:38 ${root} ${at} rw - ${type} none rw\n`;
const UNIFIED = parseMounts(line("/", "/sys/fs/cgroup", "cgroup2"));

describe("the folder of a control group", () => {
  it("is below the mount of version 2, beside version 1 as well", () => {
    expect(groupFolder(UNIFIED, "/system.slice/a.service")).toBe("/sys/fs/cgroup/system.slice/a.service");
    const both = line("/", "/sys/fs/cgroup/systemd", "cgroup") + line("/", "/sys/fs/cgroup/unified", "cgroup2");
    expect(groupFolder(parseMounts(both), "/a.service")).toBe("/sys/fs/cgroup/unified/a.service");
  });

  it("is found in a mount that shows a part, and not beyond it", () => {
    const part = parseMounts(line("/machine/one", "/sys/fs/cgroup", "cgroup2"));
    expect(groupFolder(part, "/machine/one/a.service")).toBe("/sys/fs/cgroup/a.service");
    expect(groupFolder(part, "/machine/one-more/a.service")).toBeUndefined();
  });

  it("is none without version 2", () => {
    expect(groupFolder(parseMounts(line("/", "/sys/fs/cgroup/systemd", "cgroup")), "/a.service")).toBeUndefined();
  });
});

it("the group of a unit is neither the root nor a way out of it", () => {
  const good = ["/a.service", "/system.slice/a.service", String.raw`/a\x2db.slice/c@1:2.service/child`, "/..a/b"];
  const bad = ["", "/", "//", "a.service", "/a/", "/a//b", "/a/../b", "/..", "/a/."];
  expect(good.filter((group) => !isOfUnit(group))).toEqual([]);
  expect(bad.filter(isOfUnit)).toEqual([]);
});

it("the folder of the group of a unit lies below the mount, whatever the name", () => {
  fc.assert(
    fc.property(fc.array(fc.oneof(fc.constantFrom("", ".", "..", "a.service"), fc.string())), (names) => {
      const group = `/${names.join("/")}`;
      if (!isOfUnit(group)) return;
      const parts = groupFolder(UNIFIED, group)?.split("/") ?? [];
      expect(parts.slice(0, 4)).toEqual(["", "sys", "fs", "cgroup"]);
      expect(parts.slice(4).some((part) => ["", ".", ".."].includes(part))).toBe(false);
    }),
  );
});

it("a group is within itself, what is above it, and the root; a longer name is another", () => {
  expect(isWithin("/a/b", "/a/b")).toBe(true);
  expect(isWithin("/a/b", "/a")).toBe(true);
  expect(isWithin("/a/b", "/")).toBe(true);
  expect(isWithin("/a", "/a/b")).toBe(false);
  expect(isWithin("/ab", "/a")).toBe(false);
});

it("cgroup.events is read line by line", () => {
  expect(parseEvents("populated 1\nfrozen 0\n")).toEqual({ isPopulated: true, isFrozen: false });
  expect(parseEvents("populated 0\nfrozen 1\n")).toEqual({ isPopulated: false, isFrozen: true });
  expect(parseEvents("frozen 10\nunpopulated 1\n")).toEqual({ isPopulated: false, isFrozen: false });
});
