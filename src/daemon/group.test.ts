import { expect, it } from "vitest";

import { Members } from "./group.ts";

const files = (group: string): Record<string, string> => ({
  "/etc/group": `root:x:0:\nbtmx:x:7:eve\n${group}\nbroken\n`,
  "/etc/passwd": "root:x:0:0::/:\nann:x:1001:1001::/:\nbob:x:1002:50::/:\neve:x:1003:1003::/:\nbad:x:y:50\n",
});

it.each<[string, number, number, boolean]>([
  ["root", 0, 0, true],
  ["one of the group's list", 1001, 1001, true],
  ["one whose group it is by /etc/passwd", 1002, 9, true],
  ["one who runs with the group", 1003, 50, true],
  ["another", 1003, 1003, false],
  ["one who is not known", 4_294_967_295, 4_294_967_295, false],
])("knows %s", async (_, uid, gid, expected) => {
  const members = new Members((file) => Promise.resolve(files("btm:x:50:zoe,ann")[file] ?? ""));
  expect(await members.includes({ uid, gid })).toBe(expected);
});

it("knows nobody but root where there is no such group, and reads the files again", async () => {
  let group = "";
  let now = 0;
  let reads = 0;
  const members = new Members(
    (file) => {
      reads++;
      return Promise.resolve(files(group)[file] ?? "");
    },
    () => now,
  );
  const ann = { uid: 1001, gid: 1001 };
  expect(await members.includes({ uid: 0, gid: 0 })).toBe(true);
  expect(await members.includes(ann)).toBe(false);
  group = "btm:x:50:ann";
  expect(await members.includes(ann)).toBe(false);
  expect(reads).toBe(2);
  now = 5001;
  expect(await members.includes(ann)).toBe(true);
});
