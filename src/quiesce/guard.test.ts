import { expect, it } from "vitest";

import { guardArguments } from "./guard.ts";

const given = { unit: "btm-guard-1.service", pipe: "/proc/7/fd/9", program: (name: string) => `/usr/bin/${name}` };

it("the guard of a freeze writes what it is told, and 0 at its end", () => {
  const controls = "/sys/fs/cgroup/system.slice/node.service/cgroup.freeze";
  expect(guardArguments({ ...given, description: "Thaws", limitMs: 2000, controls, atEnd: [] })).toMatchInlineSnapshot(`
    [
      "--system",
      "--quiet",
      "--collect",
      "--no-ask-password",
      "--unit=btm-guard-1.service",
      "--description=Thaws",
      "--property=Type=exec",
      "--property=RuntimeMaxSec=2000ms",
      "--property=TimeoutStopSec=5s",
      "--property=LogLevelMax=notice",
      "--property=StandardInput=data",
      "--property=StandardInputData=MAo=",
      "--property=StandardOutput=file:/sys/fs/cgroup/system.slice/node.service/cgroup.freeze",
      "--property=ExecStopPost=-/usr/bin/cat",
      "--",
      "/usr/bin/cat",
      "/proc/7/fd/9",
    ]
  `);
});

it("the guard of a stop starts the units at its end; what they are called is one word each", () => {
  const atEnd = [["systemctl", "start", "--no-block", "--", String.raw`a\x2db@c\x2dd.service`, "e$f.service"]];
  const args = guardArguments({ ...given, description: "Starts", limitMs: 0.5, atEnd });
  expect(args.filter((arg) => /ExecStopPost|RuntimeMax|Standard/.test(arg))).toMatchInlineSnapshot(`
    [
      "--property=RuntimeMaxSec=1ms",
      "--property=StandardOutput=null",
      "--property=ExecStopPost=-/usr/bin/systemctl start --no-block -- a\\\\x2db@c\\\\x2dd.service e$$f.service",
    ]
  `);
});
