import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { knownSigners } from "../../test/support/signers.ts";
import { preserveFiles } from "./preserve.ts";
import { explainDoubleSigning, rewound, signerState } from "./signer.ts";

let folder: string;
let live: string;
let past: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "btm-signer-"));
  live = join(folder, "live");
  past = join(folder, "past");
  mkdirSync(live);
  mkdirSync(past);
  // What a node has besides, with names that come near.
  for (const tree of [live, past]) {
    put(tree, "config/priv_validator_key.json", tree);
    put(tree, "data/state.db/CURRENT", tree);
    put(tree, "validators/validator_definitions.yml", tree);
    put(tree, "beacon/slashing.sqlite", tree);
    put(tree, "tower.bin", tree);
    put(tree, "postgres/PG_VERSION", tree);
    put(tree, "postgres/global/1262", tree);
  }
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

function put(tree: string, path: string, content: string | Buffer): void {
  const file = join(tree, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, content);
}

describe.each(knownSigners)("$what, $path", ({ what, path, file, besides }) => {
  const set = (tree: string, content: string): void => {
    for (const [name, text] of Object.entries({ ...besides, [file]: content })) put(tree, name, text);
  };
  const globs = [what === "Teku" ? path.replace(/[^/]+$/, "*.yml") : path];
  const entry = (state: string): unknown => ({ path, what, globs, state });

  it("is nothing to speak of when it did not change", async () => {
    set(past, "signed 1");
    set(live, "signed 1");
    const files = await signerState(live, past);
    expect(files).toEqual([entry("same")]);
    expect(rewound(files, [])).toEqual([]);
  });

  it("is a reason to refuse when it changed", async () => {
    set(past, "signed 1");
    set(live, "signed 2");
    const files = await signerState(live, past);
    expect(files).toEqual([entry("differs")]);
    expect(rewound(files, [])).toEqual(files);
  });

  it("is one when the past does not have it, and when the present does not", async () => {
    set(live, "signed 1");
    expect(await signerState(live, past)).toEqual([entry("differs")]);
    expect(await signerState(past, live)).toEqual([entry("missing-now")]);
  });

  it("is none when it is preserved, and is then as it is now", async () => {
    set(past, "signed 1");
    set(live, "signed 2");
    expect(rewound(await signerState(live, past), globs)).toEqual([]);
    // As the driver does it.
    const staged = join(folder, "staged");
    cpSync(past, staged, { recursive: true });
    expect(await preserveFiles(live, staged, globs)).toEqual([path]);
    expect(await signerState(live, staged)).toEqual([entry("same")]);
    expect(() => execFileSync("diff", ["-r", join(live, path), join(staged, path)])).not.toThrow();
  });
});

it("a thousand keys are one glob, and few names in a message", async () => {
  for (let key = 0; key < 1000; key++) put(live, `slashprotection/${key.toString(16).padStart(96, "0")}.yml`, "signed");
  const files = await signerState(live, past);
  expect(new Set(files.flatMap(({ globs }) => globs))).toEqual(new Set(["slashprotection/*.yml"]));
  expect(rewound(files, ["slashprotection/*.yml"])).toEqual([]);
  expect(explainDoubleSigning(files)).toContain("(Teku), 995 more like them, and the rollback");
});

it("a node without any of it has none", async () => {
  expect(await signerState(live, past)).toEqual([]);
});

it("a database in write-ahead mode differs by what is beside it", async () => {
  for (const tree of [live, past]) put(tree, "v/slashing_protection.sqlite", "same");
  put(live, "v/slashing_protection.sqlite-shm", "an index, made anew each time");
  expect((await signerState(live, past))[0]?.state).toBe("same");
  put(live, "v/slashing_protection.sqlite-wal", "signed 2");
  expect((await signerState(live, past))[0]?.state).toBe("differs");
});

it("a large file that differs in its last byte differs", async () => {
  const bytes = Buffer.alloc(3 * 1024 * 1024 + 17);
  put(past, "validator.db", bytes);
  put(live, "validator.db", bytes);
  expect((await signerState(live, past))[0]?.state).toBe("same");
  bytes[bytes.length - 1] = 1;
  put(live, "validator.db", bytes);
  expect((await signerState(live, past))[0]?.state).toBe("differs");
});

it("a PostgreSQL cluster is Web3Signer's when a database or a role of it has that name", async () => {
  for (const tree of [live, past]) put(tree, "postgres/global/1262", `\0\0template1\0web3signer\0${tree}`);
  expect(await signerState(live, past)).toEqual([
    { path: "postgres", what: "Web3Signer", globs: ["postgres"], state: "differs" },
  ]);
});

it("what a link with such a name leads to counts, as long as it is in the volume", async () => {
  for (const tree of [live, past]) {
    put(tree, "secure/state.json", tree);
    mkdirSync(join(tree, "data"), { recursive: true });
    symlinkSync("../secure/state.json", join(tree, "data/priv_validator_state.json"));
  }
  const files = await signerState(live, past);
  expect(files.map(({ path, state }) => `${path}: ${state}`)).toEqual([
    "data/priv_validator_state.json: same",
    "secure/state.json: differs",
  ]);
});

it("a link out of the volume is not followed: what is there is not rolled back", async () => {
  put(folder, "outside.json", "signed 2");
  for (const tree of [live, past]) {
    mkdirSync(join(tree, "data"), { recursive: true });
    symlinkSync("../../outside.json", join(tree, "data/priv_validator_state.json"));
  }
  expect((await signerState(live, past)).map(({ state }) => state)).toEqual(["same"]);
});

it("a pipe with such a name is not waited for", async () => {
  execFileSync("mkfifo", [join(live, "priv_validator_state.json")]);
  put(past, "priv_validator_state.json", "signed 1");
  expect((await signerState(live, past)).map(({ state }) => state)).toEqual(["missing-now"]);
});

it("a name that a glob would read otherwise is preserved all the same", async () => {
  put(live, "a*[b]/{c}$$/priv_validator_state.json", "signed 2");
  const files = await signerState(live, past);
  expect(rewound(files, files[0]?.globs ?? [])).toEqual([]);
  expect(rewound(files, ["a*[b]/{c}$$/priv_validator_state.json"])).toEqual([]);
});

it("explains double signing in two sentences, names the files, and escapes them", async () => {
  put(live, "a\nb/priv_validator_state.json", "signed 2");
  put(live, "validator.db", "signed 2");
  const text = explainDoubleSigning(await signerState(live, past));
  expect(text).toMatchInlineSnapshot(
    `"Before it signs, the validator looks into "a\\nb/priv_validator_state.json" (CometBFT), "validator.db" (Prysm), and the rollback would make it forget what it has signed since the snapshot. It may then sign another message for a height or slot that it has signed for before: that is double signing, for which a chain takes the stake and shuts the validator out, often for good."`,
  );
  expect(text.match(/[.]( |$)/g)).toHaveLength(2);
});
