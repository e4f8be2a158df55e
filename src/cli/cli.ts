import { CommanderError } from "commander";

import { BtmError, exitStatusOf, isBtmError } from "../errors.ts";
import { escapeText } from "../text.ts";
import { splitShortEquals } from "./arguments.ts";
import { type Context, noteRecovered } from "./context.ts";
import { Output, type Terminal } from "./output.ts";
import { makeProgram, optionsWithValue, type Run } from "./program.ts";

/**
 * Runs one command line.
 *
 * @param args without the program's own name
 * @returns the exit status
 */
export async function runCommandLine(
  args: readonly string[],
  terminal: Terminal,
  signal: AbortSignal,
): Promise<number> {
  let status = 0;
  const told = new Set<string>();
  const run: Run = async (name, flags, load) => {
    const context: Context = {
      output: new Output(terminal, name, flags.json === true),
      signal,
      told,
      resolved: undefined,
      volumeFromEnv: terminal.env["BTM_VOLUME"],
      env: terminal.env,
      isInteractive: terminal.inIsTty && terminal.errorIsTty,
    };
    status = await (await load())(flags, context);
  };
  const program = makeProgram(run);
  for (const command of [program, ...program.commands]) {
    command.exitOverride().configureOutput({
      writeOut: (text) => {
        terminal.write(text);
      },
      // What it would print about a wrong command line is thrown as well, and printed as our own errors are.
      writeErr: () => undefined,
    });
  }
  if (args.length === 0) {
    terminal.writeError(program.helpInformation());
    return exitStatusOf.BAD_USAGE;
  }
  try {
    refuseMixedCommand(args);
    await program.parseAsync(splitShortEquals(args, optionsWithValue(program)), { from: "user" });
    return status;
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return 0;
    const known = program.commands.map((command) => command.name());
    const command = args.find((arg) => known.includes(arg)) ?? "btm";
    const hint =
      takesCommand(command) && !args.includes("--")
        ? AFTER_DASHES
        : command === "btm"
          ? "btm help lists the commands"
          : `btm help ${command} lists its options`;
    const failure = asBtmError(error, hint);
    const output = new Output(terminal, command, args.includes("--json"));
    const { recovered } = failure.details;
    if (Array.isArray(recovered)) noteRecovered({ output, told }, recovered.map(String));
    output.error(failure);
    return failure.exitStatus;
  }
}

function takesCommand(name: string | undefined): boolean {
  return name === "verify" || name === "bisect";
}

/** Without the dashes options of the node would be taken for ours: -s, -p and --timeout are. */
function refuseMixedCommand(args: readonly string[]): void {
  if (!takesCommand(args[0]) || args.includes("--") || args.some((arg) => arg === "-h" || arg === "--help")) return;
  throw new BtmError("BAD_USAGE", `Cannot read the command line: there is no -- before the command to start`, {
    hint: AFTER_DASHES,
  });
}

const AFTER_DASHES = "For example: btm verify -s 1234000 -- /usr/bin/node --data {path}";

function asBtmError(error: unknown, hint: string): BtmError {
  if (isBtmError(error)) return error;
  if (error instanceof CommanderError) {
    if (error.code === "commander.help")
      return new BtmError("BAD_USAGE", "No command given, or one that there is not", { hint });
    const [message = "", suggestion] = error.message.replace(/^error: /, "").split("\n");
    return new BtmError("BAD_USAGE", `Cannot read the command line: ${escapeText(message)}`, {
      hint: suggestion?.replace(/^\((.*)\)$/, "$1") ?? hint,
      cause: error,
    });
  }
  const message = error instanceof Error ? error.message : String(error);
  return new BtmError("SYSTEM_ERROR", `Something went wrong that btm does not know: ${escapeText(message)}`, {
    hint: "Please report it, with the command line and this message",
    cause: error,
  });
}
