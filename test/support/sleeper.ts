import { spawn, type SpawnOptions } from "node:child_process";
import { once } from "node:events";

export interface Sleeper {
  readonly pid: number;
  end(): Promise<void>;
}

/**
 * A process that does nothing but have something in use: its working directory, or a descriptor as its standard input. Of
 * a shell line, given, it is the end: the line says "ready" when it is done, in whatever namespaces it was started in.
 */
export async function sleeper(
  options: Pick<SpawnOptions, "cwd"> & { readonly stdin?: number; readonly unshared?: string } = {},
): Promise<Sleeper> {
  const { cwd, stdin, unshared } = options;
  const line = `${unshared ?? ""}\necho ready && exec sleep infinity`;
  const command = unshared === undefined ? ["sh", "-c", line] : ["unshare", "--mount", "sh", "-ec", line];
  const child = spawn(command[0] ?? "", command.slice(1), { cwd, stdio: [stdin ?? "ignore", "pipe", "inherit"] });
  const ended = once(child, "exit");
  const early = ended.then(() => Promise.reject(new Error(`${command.join(" ")} has ended`)));
  early.catch(() => undefined);
  if (child.stdout === null) throw new TypeError("No pipe");
  await Promise.race([once(child.stdout, "data"), early]);
  return {
    pid: child.pid ?? -1,
    end: async () => {
      child.kill("SIGKILL");
      await ended;
    },
  };
}
