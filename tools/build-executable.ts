/**
 * Builds the stand-alone executable for the kind of machine this runs on. Run by bun: make build.
 *
 * usage: .tools/bun run tools/build-executable.ts OUTFILE
 */
import { readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

const [outfile] = process.argv.slice(2);
if (outfile === undefined) throw new Error("usage: build-executable.ts OUTFILE");

const { arch } = process;
const require = createRequire(import.meta.url);
const stands = new Map([
  ["koffi", join(import.meta.dirname, "koffi-embedded.ts")],
  // glibc's, as bun's own binary.
  ["koffi-native", require.resolve(`@koromix/koffi-linux-${arch}/linux_${arch}/koffi.node`)],
]);

await Bun.build({
  entrypoints: ["src/cli/main.ts"],
  compile: {
    outfile,
    // A root tool takes no settings from files that happen to lie in the working directory.
    autoloadDotenv: false,
    autoloadBunfig: false,
  },
  // Measured on 2 cores, median of 60: `btm --version` 20 ms with bytecode, 39 without, 7.5 for an empty program;
  // `btm list`, which loads koffi, 36 and 60. Neither minifying nor the map changes that; the map makes a stack show the
  // lines of the sources instead of a screen of minified ones.
  minify: true,
  bytecode: true,
  format: "esm",
  sourcemap: "inline",
  plugins: [
    {
      name: "embed koffi",
      setup: (build) => {
        build.onResolve({ filter: /^koffi(-native)?$/ }, ({ path }) => ({ path: stands.get(path) ?? path }));
        // By the name alone bun would take it for a module to load.
        build.onLoad({ filter: /\/koffi\.node$/ }, ({ path }) => ({ contents: readFileSync(path), loader: "file" }));
      },
    },
  ],
});

// A second copy: the map is in the executable.
rmSync(`${outfile}.map`, { force: true });
