#!/usr/bin/env node
import { exitStatusOf } from "../errors.ts";
import { runCommandLine } from "./cli.ts";
import { processTerminal, signalOfProcess } from "./process.ts";

const signal = signalOfProcess(exitStatusOf.ABORTED);
process.exitCode = await runCommandLine(process.argv.slice(2), processTerminal(), signal);
