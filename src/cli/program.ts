import { Command as Commander, Option } from "commander";

import { INSIDE } from "../check/self.ts";
import { VERSION } from "../version.ts";
import type { BisectFlags } from "./commands/bisect.ts";
import type { CheckConfigFlags } from "./commands/check-config.ts";
import type { CleanFlags } from "./commands/clean.ts";
import type { DaemonFlags } from "./commands/daemon.ts";
import type { OpenFlags } from "./commands/open.ts";
import type { PinFlags } from "./commands/pin.ts";
import type { RecoverFlags } from "./commands/recover.ts";
import type { RollbackFlags } from "./commands/rollback.ts";
import type { SnapshotFlags } from "./commands/snapshot.ts";
import type { UndoFlags } from "./commands/undo.ts";
import type { VerifyFlags } from "./commands/verify.ts";
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

  asking(program.command("list").description("list the snapshots of a volume")).action((flags: CommonFlags) =>
    run("list", flags, async () => (await import("./commands/list.ts")).list),
  );

  asking(program.command("snapshot").description("take a snapshot of a volume"))
    .requiredOption("-s, --snapshot-id <height>", "the height it is named by, 0 to 2^64 - 1")
    .option("-i, --itv <blocks>", "take it only when its interval of this many blocks has none yet (default: always)")
    .option("-c, --cap <count>", "then remove what is over this many (default with --algo: 100)")
    .option("-a, --algo <fair|fade>", "what goes: all but the newest, or thinned with age (default with --cap: fair)")
    .option("--dry-run", "say what would be done, change nothing")
    .action((flags: SnapshotFlags) =>
      run("snapshot", flags, async () => (await import("./commands/snapshot.ts")).snapshot),
    );

  switching(program.command("rollback").description("put a volume back to a snapshot, and keep what was live"))
    .addOption(
      new Option(
        "-s, --snapshot-id <height>",
        "the height to go back to; any negative number means the latest",
      ).default("-1"),
    )
    .option("-S, --strict", "refuse when there is no snapshot of exactly this height, instead of the nearest below")
    .option("--discard-newer", "destroy what is live and the newer snapshots, instead of keeping them")
    .option("--discard-foreign", "with it on ZFS: also newer snapshots and bookmarks that btm did not make")
    .action((flags: RollbackFlags) =>
      run("rollback", flags, async () => (await import("./commands/rollback.ts")).rollback),
    );

  switching(program.command("undo").description("bring back what was live before a rollback; again, and it is redone"))
    .argument("[number]", "of the undo point (default: the latest)")
    .option("--list", "list the undo points")
    .option("--drop", "destroy the undo point of this number instead")
    .option("--all", "with --drop: all of them")
    .action((number: string | undefined, flags: UndoFlags) =>
      run("undo", number === undefined ? flags : { ...flags, number }, async () => {
        return (await import("./commands/undo.ts")).undo;
      }),
    );

  common(program.command("recover").description("finish or undo what was interrupted, and start what it had stopped"))
    .option("--dry-run", "say what would be done, change nothing")
    .action((flags: RecoverFlags) =>
      run("recover", flags, async () => (await import("./commands/recover.ts")).recover),
    );

  planned(common(program.command("clean").description("destroy the snapshots of a volume but the newest")))
    .addOption(new Option("-k, --kept <count>", "how many of the newest stay").default("0"))
    .action((flags: CleanFlags) => run("clean", flags, async () => (await import("./commands/clean.ts")).clean));

  planned(
    common(program.command("adopt").description("mark snapshots that the original btm made as this one's own")),
  ).action((flags: PlanFlags) => run("adopt", flags, async () => (await import("./commands/adopt.ts")).adopt));

  common(program.command("pin").description("keep a snapshot from ever being removed"))
    .requiredOption("-s, --snapshot-id <height>", "its height")
    .option("--note <text>", "why: one line, shown by btm list")
    .action((flags: PinFlags) => run("pin", flags, async () => (await import("./commands/pin.ts")).pin));

  common(program.command("unpin").description("let a snapshot be removed again"))
    .requiredOption("-s, --snapshot-id <height>", "its height")
    .action((flags: PinFlags) => run("unpin", flags, async () => (await import("./commands/pin.ts")).unpin));

  common(
    program.command("open").description("make a writable copy of a snapshot beside the volume, and print its path"),
  )
    .requiredOption("-s, --snapshot-id <height>", "its height")
    .option("--at <path>", "where it is to be seen: a path that does not exist, or an empty directory")
    .option("--read-only", "make nothing: print the path of the snapshot itself")
    .action((flags: OpenFlags) => run("open", flags, async () => (await import("./commands/open.ts")).open));

  common(program.command("close").description("destroy the copy that open made, with all that was written into it"))
    .requiredOption("-s, --snapshot-id <height>", "its height")
    .action((flags: OpenFlags) => run("close", flags, async () => (await import("./commands/open.ts")).close));

  checking(program.command("verify").description("start a node on a copy of a snapshot, and see where it stands"))
    .addOption(
      new Option("-s, --snapshot-id <height>", "its height; any negative number means the latest").default("-1"),
    )
    .option("--follow <url>", "its RPC, as seen by itself; without it the command is the check, and 0 its good end")
    .option("--chain <family>", "its family (default: as the snapshot tells, or the node answers)")
    .option("--cookie <file>", "the cookie of its RPC, relative to the copy")
    .action((command: string[], flags: Omit<VerifyFlags, "command">) =>
      run("verify", { ...flags, command }, async () => (await import("./commands/verify.ts")).verify),
    );

  checking(
    program.command("bisect").description("find by copies of snapshots the first height at which a command fails"),
  )
    .requiredOption("--good <height>", "a snapshot with which it succeeds")
    .requiredOption("--bad <height>", "a later one with which it fails")
    .option("--trust-ends", "do not run it on these two first")
    .action((command: string[], flags: Omit<BisectFlags, "command">) =>
      run("bisect", { ...flags, command }, async () => (await import("./commands/bisect.ts")).bisect),
    );

  program
    .command(INSIDE, { hidden: true })
    .helpOption("-h, --help", "print help")
    .action(() => run(INSIDE, {}, async () => (await import("./commands/check-inside.ts")).checkInside));

  program
    .command("daemon")
    .description("serve snapshots to those who may not take them themselves, over a socket")
    .option(
      "-p, --volume <volume>",
      "the volume (default: $BTM_VOLUME; without either, or with --config, those of the configuration)",
    )
    .option("-i, --itv <blocks>", "blocks between two snapshots (default: 10)")
    .option("-c, --cap <count>", "the most snapshots that are kept (default: 100)")
    .option("-m, --mode <zfs|btrfs>", "the kind of volume (default: found by itself)")
    .option("-a, --algo <fair|fade>", "what goes: all but the newest, or thinned with age (default: fair)")
    .option("--config <file>", "the configuration (default: /etc/btm/btm.toml)")
    .option("--socket <path>", "where it listens (default: /run/btm/btm.sock)")
    .option("--compat-socket", "serve the datagram socket of the original as well")
    .option("--follow <url>", "take the heights that the node at this RPC address tells")
    .option("--chain <family>", "the kind of that node: evm, bitcoin, cometbft ... (default: found by itself)")
    .option("--finality <which>", "latest, safe, finalized, or so many blocks below the newest (default: latest)")
    .option("--while-syncing <skip|take>", "what is done while the node catches up (default: skip)")
    .option(
      "--cookie <file>",
      "user:password of that node, as the Bitcoin family writes it; absolute or below the volume",
    )
    .option("--height-path <path>", "with --chain http: where the height is in the answer, as result.height")
    .option("--height-base <dec|hex>", "with --chain http: how it is written (default: by its 0x)")
    .option("--height-offset <number>", "with --chain http: what is added to it (default: 0)")
    .option("--quiesce <how>", "before a snapshot: none, flush, freeze or stop (default: what suits the node)")
    .option("--unit <unit>", "with --quiesce freeze or stop: the systemd unit of the node")
    .helpOption("-h, --help", "print help")
    .action((flags: DaemonFlags) => run("daemon", flags, async () => (await import("./commands/daemon.ts")).daemon));

  program
    .command("check-config")
    .description("say what a configuration of the daemon means, or all that is wrong with it")
    .argument("[file]", "the file (default: /etc/btm/btm.toml)")
    .option("--json", "print one JSON document")
    .helpOption("-h, --help", "print help")
    .action((file: string | undefined, flags: CheckConfigFlags) =>
      run("check-config", file === undefined ? flags : { ...flags, file }, async () => {
        return (await import("./commands/check-config.ts")).checkConfig;
      }),
    );
  return program;
}

function common(command: Commander, mode = "the kind of volume (default: found by itself)"): Commander {
  return command
    .option("-p, --volume <volume>", "the volume: an absolute path, or a ZFS dataset (default: $BTM_VOLUME)")
    .option("-m, --mode <zfs|btrfs>", mode)
    .option("--lock-timeout <seconds>", "how long to wait for another btm on the volume (default: 10)")
    .option("--json", "print one JSON document")
    .helpOption("-h, --help", "print help");
}

/** What a daemon can be asked for. */
function asking(command: Commander): Commander {
  return common(command, "the kind of volume; external asks the daemon (default: found by itself)").option(
    "--socket <path>",
    "with -m external: the daemon's socket (default: /run/btm/btm.sock)",
  );
}

function planned(command: Commander): Commander {
  return command.option("--dry-run", "show the plan, change nothing").option("-y, --yes", "do not ask");
}

/** What verify and bisect have in common. */
function checking(command: Commander): Commander {
  return common(command)
    .argument("<command...>", "after --: the program and its arguments, {path} in which is the path of the copy")
    .option("--timeout <duration>", "how long it may take: 90, 90s, 5m, 1h (default: 5m)")
    .option("--writable <path>", "what it may write to besides the copy; may be repeated", collect);
}

/** What rollback and undo have in common. */
function switching(command: Commander): Commander {
  return planned(common(command))
    .option(
      "--keep-undo <count>",
      "how many undo points are kept, this one counted (default: 1, or all when nothing is newer)",
    )
    .option("--service <unit>", "stop this systemd unit before, and start it afterwards; may be repeated", collect)
    .option("--force", "go on although processes have the volume in use")
    .option("--preserve <glob>", "keep what matches as it is now, relative to the volume; may be repeated", collect)
    .option("--allow-signer-rewind", "let a validator forget what it has signed");
}

function collect(value: string, before: readonly string[] = []): string[] {
  return [...before, value];
}

/** The options that take a value, as written, short and long, of all commands. */
export function optionsWithValue(program: Commander): Set<string> {
  const options = [program, ...program.commands].flatMap((command) =>
    command.options.filter((option) => option.required),
  );
  return new Set(options.flatMap((option) => [option.short, option.long].flatMap((flag) => flag ?? [])));
}
