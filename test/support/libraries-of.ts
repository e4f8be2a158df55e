import { execFileSync } from "node:child_process";

/** The shared libraries of a program that a small Debian, as the guest is, does not have. */
export function librariesOf(program: string): string[] {
  const paths = execFileSync("ldd", [program], { encoding: "utf8" }).matchAll(/=> (\/\S+)/g);
  return [...paths].map(([, path = ""]) => path).filter((path) => !/\/lib(?:c|m|gcc_s|stdc\+\+)\.so/.test(path));
}
