import { chmod, chown, link, mkdir, mkdtemp, rename, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { beforeEach, expect, it } from "vitest";

import { runCommand } from "./spawn.ts";
import { readSafely } from "./safe-file.ts";

const NODE_USER = 12_345;
const isRoot = process.getuid?.() === 0;
let folder: string;
let volume: string;
let secret: string;

const read = (path: string): Promise<string> => readSafely(path, 64);

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "btm-safe-"));
  volume = join(folder, "volume");
  secret = join(folder, "secret");
  await mkdir(join(volume, "regtest"), { recursive: true });
  await writeFile(secret, "root:hash", { mode: 0o600 });
  await writeFile(join(volume, "regtest/.cookie"), "name:pass\n");
  return () => rm(folder, { recursive: true });
});

it("reads a file of another user", async () => {
  const file = join(volume, "regtest/.cookie");
  if (isRoot) for (const path of [volume, join(volume, "regtest"), file]) await chown(path, NODE_USER, NODE_USER);
  expect(await read(file)).toBe("name:pass\n");
  expect(await read(relative(process.cwd(), file))).toBe("name:pass\n");
  expect(await read(`${volume}/./regtest/../regtest//.cookie`)).toBe("name:pass\n");
});

// The folder for temporary files is everybody's, so all below is as if it were another user's.
it("follows no link that others could have put there, in whatever place of the path", async () => {
  const refused = "is a link, in a folder that others than root may change";
  await rm(join(volume, "regtest/.cookie"));
  await symlink(secret, join(volume, "regtest/.cookie"));
  await expect(read(join(volume, "regtest/.cookie"))).rejects.toThrow(refused);
  await rm(join(volume, "regtest"), { recursive: true });
  await symlink("..", join(volume, "regtest"));
  await expect(read(join(volume, "regtest/secret"))).rejects.toThrow(`"regtest" ${refused}`);
  await rename(join(volume, "regtest"), join(volume, "self"));
  await symlink("self", join(volume, "loop"));
  await expect(read(join(volume, "loop/secret"))).rejects.toThrow(refused);
});

it("takes no file that has another name, no folder, no pipe, and nothing large", async () => {
  await link(secret, join(volume, "hard"));
  await expect(read(join(volume, "hard"))).rejects.toThrow("it has another name as well (a hard link)");
  await expect(read(volume)).rejects.toThrow("it is no regular file");
  await runCommand("/usr/bin/mkfifo", [join(volume, "pipe")], { timeoutMs: 5000 });
  await expect(read(join(volume, "pipe"))).rejects.toThrow("it is no regular file");
  await writeFile(join(volume, "large"), "x".repeat(65));
  await expect(read(join(volume, "large"))).rejects.toThrow("more than 64 bytes");
  // The kernel says that it has no bytes.
  await expect(read("/proc/self/smaps")).rejects.toThrow();
  await expect(read(join(volume, "none"))).rejects.toMatchObject({ code: "ENOENT" });
  await expect(read(join(secret, "below"))).rejects.toMatchObject({ code: "ENOTDIR" });
});

it.runIf(isRoot)("follows links that only root can have put there, until a folder of somebody else", async () => {
  const mine = await mkdtemp("/root/btm-safe-");
  try {
    await mkdir(join(mine, "real"));
    await writeFile(join(mine, "real/.cookie"), "name:pass");
    await symlink("real", join(mine, "relative"));
    await symlink(`${mine}/./relative`, join(mine, "absolute"));
    expect(await read(join(mine, "absolute/.cookie"))).toBe("name:pass");
    await symlink("round", join(mine, "round"));
    await expect(read(join(mine, "round"))).rejects.toThrow("it leads through too many links");
    await symlink(".cookie", join(mine, "real/link"));
    expect(await read(join(mine, "absolute/link"))).toBe("name:pass");
    await chmod(join(mine, "real"), 0o775);
    await expect(read(join(mine, "absolute/link"))).rejects.toThrow('"link" is a link');
    await chmod(join(mine, "real"), 0o755);
    await chown(join(mine, "real"), NODE_USER, NODE_USER);
    await expect(read(join(mine, "absolute/link"))).rejects.toThrow('"link" is a link');
    expect(await read(join(mine, "absolute/.cookie"))).toBe("name:pass");
  } finally {
    await rm(mine, { recursive: true });
  }
});
