#!/usr/bin/env node
import { runCommandLine } from "./cli.ts";
import { processTerminal, signalOfProcess } from "./process.ts";

const signal = signalOfProcess();
process.exitCode = await runCommandLine(process.argv.slice(2), processTerminal(), signal);
