import { defineConfig, globalIgnores } from "eslint/config";
import tseslint from "typescript-eslint";

// The floors of the house: each imports only from below (ARCHITECTURE.md). Folder -> what it may not import.
const cli = { group: ["**/cli/**", "**/cli.ts"], message: "The command line is the top floor." };
const btm = { group: ["**/btm.ts", "**/index.ts"], message: "btm.ts is above: it uses this, not the other way round." };
const driver = { group: ["**/driver/*", "**/driver/**"], message: "Only btm.ts reaches for drivers." };
const rollback = { group: ["**/rollback/*"], message: "rollback/ is above." };
const daemon = { group: ["**/daemon/*"], message: "daemon/ is above." };
const external = { group: ["**/external/*"], message: "external/ is above." };
const chain = { group: ["**/chain/*"], message: "Only the daemon and the command line follow nodes." };
const room = {
  group: ["../*", "!../sys", "!../node-facts.ts", "!../height.ts", "!../errors.ts", "!../text.ts"],
  message: "Nodes know no volumes.",
};
const sys = { group: ["**/sys/*"], message: "Only drivers touch the kernel." };
const checks = { group: ["**/check/*"], message: "check/ is above." };
const cfg = { group: ["**/cfg.ts"], message: "cfg.ts is above." };
const builtin = { regex: "^node:", message: "This is pure: what varies is handed in." };
// The one way to start a program, without a shell and without a fork.
const spawn = { group: ["node:child_process", "child_process"], message: "Programs are started by src/sys/spawn.ts." };
const koffi = { group: ["koffi"], message: "libc is called by src/sys/libc.ts." };

const floor = (files, ...patterns) => ({
  files,
  rules: { "@typescript-eslint/no-restricted-imports": ["error", { patterns }] },
});

const named = {
  selector: "ExportDefaultDeclaration",
  message: "Named exports only: a name that is looked for is found.",
};
const noReExport = {
  selector: "ExportAllDeclaration, ExportNamedDeclaration[source]",
  message: "Import from where it is: only src/index.ts passes names on.",
};
const noShell = {
  selector:
    "Property[key.name='shell'][value.value!=false], ImportSpecifier[imported.name=/^exec(Sync)?$/], CallExpression[callee.name=/^exec(Sync)?$/]",
  message: "No shell, ever: arguments are arrays.",
};

export default defineConfig(
  globalIgnores([".cache/", "dist/", "build/", "coverage/", ".tools/"]),
  { linterOptions: { reportUnusedDisableDirectives: "error" } },
  {
    files: ["**/*.ts"],
    extends: [tseslint.configs.strictTypeChecked],
    languageOptions: { parserOptions: { projectService: true } },
    rules: {
      "@typescript-eslint/consistent-type-imports": ["error", { fixStyle: "inline-type-imports" }],
      "@typescript-eslint/explicit-module-boundary-types": "error",
      "@typescript-eslint/switch-exhaustiveness-check": "error",
      "@typescript-eslint/prefer-readonly": "error",
      "@typescript-eslint/strict-boolean-expressions": ["error", { allowNullableBoolean: true }],
      // A number in a message is as it should be, and a bigint prints without its "n".
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true }],
      "no-restricted-syntax": ["error", named, noReExport, noShell],
      eqeqeq: ["error", "always", { null: "ignore" }],
    },
  },
  { files: ["src/index.ts"], rules: { "no-restricted-syntax": ["error", named, noShell] } },

  floor(["src/**"], spawn, koffi),
  floor(["src/cli/**"], spawn, koffi, sys, { ...driver, allowTypeImports: true }),
  floor(["src/daemon/**"], spawn, koffi, cli, rollback, { ...driver, allowTypeImports: true }),
  floor(["src/btm.ts"], spawn, koffi, cli, daemon, chain, sys),
  floor(
    ["src/external/**"],
    spawn,
    koffi,
    cli,
    btm,
    daemon,
    chain,
    rollback,
    { ...driver, allowTypeImports: true },
    sys,
  ),
  // Nodes, and nothing of the volumes: sys, height, errors and text are all it takes of the rest.
  floor(["src/chain/**"], spawn, koffi, room),
  // What is started on a copy, and what that says: which copy, and of what, is the use case's.
  floor(["src/check/**"], spawn, koffi, cli, btm, daemon, external, rollback, driver),
  // The units of systemd are what rollback/ has for services.
  floor(["src/check/in-own-unit.ts"], spawn, koffi, cli, btm, daemon, external, driver),
  // Programs and files around the volume; the volume itself is the driver's.
  floor(["src/rollback/**"], spawn, koffi, cli, btm, daemon, chain, checks, external),
  // Around the snapshot: the node's unit. Its own start and stop is what rollback/ has for services.
  floor(["src/quiesce/**"], spawn, koffi, cli, btm, daemon, chain, checks, external, driver),
  floor(["src/driver/**"], spawn, koffi, cli, btm, daemon, chain, checks, external, rollback),
  floor(["src/cfg.ts"], spawn, koffi, cli, btm, daemon, chain, checks, external, rollback, driver, sys),
  floor(["src/sys/**"], spawn, koffi, cli, btm, daemon, chain, checks, external, rollback, driver, cfg),
  floor(["src/sys/libc.ts"], spawn, cli, btm, daemon, chain, external, rollback, driver, cfg),
  floor(
    ["src/retention/**", "src/height.ts", "src/text.ts", "src/errors.ts"],
    builtin,
    koffi,
    cli,
    btm,
    daemon,
    chain,
    external,
    rollback,
    driver,
    cfg,
    sys,
  ),
  { files: ["src/**/*.test.ts"], rules: { "@typescript-eslint/no-restricted-imports": "off" } },

  {
    // What a tool demands: a configuration is a default export; koffi-embedded.ts stands for a module that has one.
    files: ["*.config.ts", "*.config.js", "tools/koffi-embedded.ts", "**/*.d.ts"],
    rules: { "no-restricted-syntax": ["error", noShell] },
  },
);
