/**
 * What tools/ uses of bun's own API. Its published types would bring bun's globals into every file of the project, where
 * the library must do with Node's.
 */
declare namespace Bun {
  interface Plugin {
    readonly name: string;
    readonly setup: (build: PluginBuilder) => void;
  }

  interface PluginBuilder {
    readonly onResolve: (filter: { readonly filter: RegExp }, resolve: (args: Source) => Source) => void;
    readonly onLoad: (filter: { readonly filter: RegExp }, load: (args: Source) => Loaded) => void;
  }

  interface Source {
    readonly path: string;
  }

  interface Loaded {
    readonly contents: Uint8Array;
    readonly loader: "file";
  }

  interface BuildConfig {
    readonly entrypoints: readonly string[];
    readonly compile: { readonly outfile: string; readonly autoloadDotenv: boolean; readonly autoloadBunfig: boolean };
    readonly minify: boolean;
    readonly bytecode: boolean;
    readonly format: "esm";
    readonly sourcemap: "inline";
    readonly plugins: readonly Plugin[];
  }

  function build(config: BuildConfig): Promise<unknown>;
}

declare module "bun:ffi" {
  export function dlopen(
    library: string,
    symbols: { readonly memfd_create: { readonly args: readonly ["ptr", "u32"]; readonly returns: "i32" } },
  ): { readonly symbols: { readonly memfd_create: (name: Uint8Array, flags: number) => number } };
}

/** The native part of koffi, embedded: the path to read it by. */
declare module "koffi-native" {
  const path: string;
  export default path;
}
