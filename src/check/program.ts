import { accessSync, constants, statSync } from "node:fs";
import { isAbsolute, join, resolve } from "node:path";

/**
 * The file of a program, as a shell finds it: a name without a slash in the folders of PATH, anything else from the
 * working directory.
 *
 * @returns undefined when there is none that can be executed
 */
export function findProgram(name: string, path: string, folder: string): string | undefined {
  if (name.includes("/")) return isProgram(resolve(folder, name)) ? resolve(folder, name) : undefined;
  // What is not absolute in it would depend on where btm happens to be.
  const candidates = path
    .split(":")
    .filter(isAbsolute)
    .map((place) => join(place, name));
  return name === "" ? undefined : candidates.find(isProgram);
}

function isProgram(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    // Not there, or not for us.
    return false;
  }
}
