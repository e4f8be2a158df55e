/**
 * Prints the manual page of the command line, from the same data as its help: btm.1.
 *
 * usage: man-page.ts > btm.1
 */
import type { Command } from "commander";

import { makeProgram } from "../../src/cli/program.ts";
import { VERSION } from "../../src/version.ts";

/** As in docs/exit-codes.md. */
const STATUSES: readonly (readonly [string, string])[] = [
  ["0", "Done, or there was nothing to do."],
  ["1", "Something that btm does not know went wrong."],
  ["2", "The request itself is wrong; nothing was changed."],
  ["3", "The volume cannot be worked on, or the daemon or the node not be asked."],
  ["4", "No snapshot, undo point or open clone answers the request."],
  ["5", "Refused, and nothing was changed; also a dry run that found something in the way."],
  ["6", "Another btm is changing the volume, or a command or the disk gave no answer in time."],
  ["7", "Not permitted."],
  ["8", "No space."],
  ["9", "Done in part: what failed was named, the rest was done."],
  ["10", "Done, and the answer is no: the node does not stand where it should, or there is no height to be found."],
  ["130", "Ended by SIGINT or SIGTERM, between two steps."],
];

const FILES: readonly (readonly [string, string])[] = [
  ["/etc/btm/btm.toml", "The volumes that the daemon serves. btm check-config says what it means."],
  ["/run/btm/btm.sock", "Where the daemon is asked for snapshots, by the group btm."],
  ["/usr/local/share/doc/btm/docs", "The pages that messages call docs/NAME.md; /usr/share/doc/btm/docs of a .deb."],
];

const EXAMPLES: readonly (readonly [string, string])[] = [
  ["btm list -p /data/node", "What can be gone back to."],
  ["btm rollback -p /data/node -s 1234000 --dry-run", "What a rollback would do, and what is in its way."],
  [
    "btm rollback -p /data/node -s 1234000 --service node.service",
    "Stop the node, go back to the newest snapshot that is not above that height, and start it again.",
  ],
  ["btm undo -p /data/node --service node.service", "Bring back what was live before."],
  ["btm recover -p /data/node", "After a crash: finish or undo what was interrupted."],
];

/** The page in the language of man(7). */
export function manPage(): string {
  const program = makeProgram(() => Promise.resolve());
  const help = program.createHelp();
  const commands = help.visibleCommands(program);
  return [
    `.TH BTM 1 "" ${quoted(`btm ${VERSION}`)} "User Commands"`,
    ...section("NAME", [`btm \\- ${escaped(withoutCapital(program.description()))}`]),
    ...section("SYNOPSIS", [".B btm", ".I command", "[options]"]),
    ...section("DESCRIPTION", [
      "Snapshots of a volume are named by a block height, taken while the node runs, thinned by a rule, and the volume is",
      "put back to any of them. A rollback keeps what it replaces, until it is told otherwise. What each command needs to",
      "know besides is found by looking at the volume.",
    ]),
    ".SH COMMANDS",
    ...commands.flatMap((command) => commandLines(command)),
    ...section("ENVIRONMENT", entries([["BTM_VOLUME", "The volume, where none is given."]])),
    ...section("FILES", entries(FILES)),
    ...section("EXIT STATUS", entries(STATUSES)),
    ...section("EXAMPLES", entries(EXAMPLES)),
    ...section("SEE ALSO", [".BR zfs (8),", ".BR btrfs (8),", ".BR systemctl (1)"]),
    "",
  ].join("\n");
}

function commandLines(command: Command): string[] {
  const help = command.createHelp();
  const options = help.visibleOptions(command).filter(({ long }) => long !== "--help");
  return [
    `.SS ${quoted(`btm ${command.name()} ${command.usage()}`)}`,
    `${escaped(withCapital(command.description()))}.`,
    ...entries(help.visibleArguments(command).map((one) => [one.name(), help.argumentDescription(one)])),
    ...entries(options.map((one) => [help.optionTerm(one), help.optionDescription(one)])),
  ];
}

function section(title: string, lines: readonly string[]): string[] {
  return [`.SH ${quoted(title)}`, ...lines];
}

function entries(all: readonly (readonly [string, string])[]): string[] {
  return all.flatMap(([term, text]) => [".TP", `.B ${escaped(term)}`, escaped(text)]);
}

/** A line that is text and no request, in which a hyphen is one that can be typed. */
function escaped(text: string): string {
  const plain = text.replaceAll("\\", "\\e").replaceAll("-", "\\-");
  return /^[.']/.test(plain) ? `\\&${plain}` : plain;
}

function quoted(text: string): string {
  return `"${escaped(text).replaceAll('"', "\\(dq")}"`;
}

function withCapital(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}

function withoutCapital(text: string): string {
  return text.slice(0, 1).toLowerCase() + text.slice(1);
}

if (process.argv[1] === import.meta.filename) process.stdout.write(manPage());
