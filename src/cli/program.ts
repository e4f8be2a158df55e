import { Command as Commander, Option } from "commander";

import { VERSION } from "../version.ts";
import type { CleanFlags } from "./commands/clean.ts";
import type { RollbackFlags } from "./commands/rollback.ts";
import type { SnapshotFlags } from "./commands/snapshot.ts";
import type { Command, CommonFlags, PlanFlags } from "./context.ts";

/** Runs a command that has been loaded. */
export type Run = <Flags extends CommonFlags>(
  name: string,
  flags: Flags,
  load: () => Promise<Command<Flags>>,
) => Promise<void>;

/** The command line, as data: what there is, its short forms and defaults. Each command is loaded when it is run. */
export function makeProgram(run: Run): Commander {
  const program = new Commander("btm")
    .description("A time machine for the disk of a blockchain node: snapshots by block height, and back to any of them")
    .version(`btm ${VERSION}`, "-V, --version", "print the version")
    .helpOption("-h, --help", "print help")
    .helpCommand("help [command]", "print help")
    .addHelpText("after", "\nExit statuses and the documents of --json: docs/exit-codes.md, docs/json.md");

  common(program.command("list").description("list the snapshots of a volume")).action((flags: CommonFlags) =>
    run("list", flags, async () => (await import("./commands/list.ts")).list),
  );

  common(program.command("snapshot").description("take a snapshot of a volume"))
    .requiredOption("-s, --snapshot-id <height>", "the height it is named by, 0 to 2^64 - 1")
    .option("-i, --itv <blocks>", "take it only when its interval of this many blocks has none yet (default: always)")
    .option("-c, --cap <count>", "then remove what is over this many (default with --algo: 100)")
    .option("-a, --algo <fair|fade>", "what goes: all but the newest, or thinned with age (default with --cap: fair)")
    .option("--dry-run", "say what would be done, change nothing")
    .action((flags: SnapshotFlags) =>
      run("snapshot", flags, async () => (await import("./commands/snapshot.ts")).snapshot),
    );

  planned(common(program.command("rollback").description("put a volume back to a snapshot; the node must be stopped")))
    .addOption(
      new Option(
        "-s, --snapshot-id <height>",
        "the height to go back to; any negative number means the latest",
      ).default("-1"),
    )
    .option("-S, --strict", "refuse when there is no snapshot of exactly this height, instead of the nearest below")
    .option("--discard-foreign", "on ZFS: destroy newer snapshots and bookmarks although btm did not make them")
    .action((flags: RollbackFlags) =>
      run("rollback", flags, async () => (await import("./commands/rollback.ts")).rollback),
    );

  planned(common(program.command("clean").description("destroy the snapshots of a volume but the newest")))
    .addOption(new Option("-k, --kept <count>", "how many of the newest stay").default("0"))
    .action((flags: CleanFlags) => run("clean", flags, async () => (await import("./commands/clean.ts")).clean));

  planned(
    common(program.command("adopt").description("mark snapshots that the original btm made as this one's own")),
  ).action((flags: PlanFlags) => run("adopt", flags, async () => (await import("./commands/adopt.ts")).adopt));
  return program;
}

function common(command: Commander): Commander {
  return command
    .option("-p, --volume <volume>", "the volume: an absolute path, or a ZFS dataset (default: $BTM_VOLUME)")
    .option("-m, --mode <zfs|btrfs>", "the kind of volume (default: found by itself)")
    .option("--lock-timeout <seconds>", "how long to wait for another btm on the volume (default: 10)")
    .option("--json", "print one JSON document")
    .helpOption("-h, --help", "print help");
}

function planned(command: Commander): Commander {
  return command.option("--dry-run", "show the plan, change nothing").option("-y, --yes", "do not ask");
}

/** The options that take a value, as written, short and long, of all commands. */
export function optionsWithValue(program: Commander): Set<string> {
  const options = [program, ...program.commands].flatMap((command) =>
    command.options.filter((option) => option.required),
  );
  return new Set(options.flatMap((option) => [option.short, option.long].flatMap((flag) => flag ?? [])));
}
