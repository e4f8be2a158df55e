import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { expect, it } from "vitest";

import { makeProgram } from "../../src/cli/program.ts";
import { exitStatusOf } from "../../src/errors.ts";
import { manPage } from "../../tools/package/man-page.ts";

const program = makeProgram(() => Promise.resolve());
const help = program.createHelp();
const commands = help.visibleCommands(program).filter((command) => command.name() !== "help");
const page = manPage();
const plain = page.replaceAll("\\-", "-");

it.each(commands.map((command) => [command.name(), command] as const))(
  "has the command %s, and its options",
  (name, command) => {
    const [, section = ""] = plain.split(`.SS "btm ${name} `);
    const own = section.split("\n.S")[0] ?? "";
    expect(
      own
        .split("\n.B ")
        .slice(1)
        .map((entry) => entry.split("\n")[0]),
    ).toEqual([
      ...help.visibleArguments(command).map((argument) => argument.name()),
      ...help
        .visibleOptions(command)
        .filter(({ long }) => long !== "--help")
        .map((option) => help.optionTerm(option)),
    ]);
  },
);

it("tells each exit status, and what its page says of it", () => {
  const [, own = ""] = plain.split('.SH "EXIT STATUS"\n');
  const told = [...(own.split("\n.SH")[0] ?? "").matchAll(/\.B (\d+)\n(.*)/g)].map(([, status, text = ""]) => [
    status,
    text.toLowerCase(),
  ]);
  const table = readFileSync(new URL("../../docs/exit-codes.md", import.meta.url), "utf8");
  const rows = [...table.matchAll(/^\| (\d+) +\| (.*?) +\|/gm)].map(([, status, text = ""]) => [
    status,
    `${text}.`.toLowerCase(),
  ]);
  expect(told).toEqual(rows);
  expect(new Set(told.map(([status]) => Number(status)))).toEqual(new Set([0, ...Object.values(exitStatusOf)]));
});

const groff = spawnSync("groff", ["-man", "-ww", "-z", "-Tutf8"], { input: page, encoding: "utf8" });
if (groff.error !== undefined)
  console.error("\n*** NOT TESTED: that groff reads the manual page: it is not on this machine ***\n");

it.skipIf(groff.error !== undefined)("is read by groff without a complaint, and by people without its requests", () => {
  expect([groff.status, groff.stderr]).toEqual([0, ""]);
  const { stdout } = spawnSync("groff", ["-man", "-Tascii", "-P-c"], { input: page, encoding: "utf8" });
  expect(stdout).toMatch(/^BTM\(1\)/);
  expect(stdout).not.toMatch(/^\.[A-Z]/m);
});
