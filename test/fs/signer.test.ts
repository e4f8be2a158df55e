import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

import { beforeAll, describe, expect, it } from "vitest";

import { Btm } from "../../src/index.ts";
import { BtrfsImage } from "../support/btrfs-image.ts";
import { failureOf } from "../support/expect-code.ts";
import { knownSigners } from "../support/signers.ts";
import { btrfsVolume, type TestVolume } from "../support/volumes.ts";

let image: BtrfsImage;
let volumes = 0;

beforeAll(async () => {
  image = await BtrfsImage.make({ sizeMiB: 1000 });
  return () => image.dispose();
});

interface Scene {
  readonly volume: TestVolume;
  readonly btm: Btm;
}

/** A validator that has signed once before its snapshot at 10, and once since. */
async function makeScene(file: string, besides: Readonly<Record<string, string>> = {}): Promise<Scene> {
  const volume = await btrfsVolume(image, `v${String(volumes++)}`, { isMounted: false });
  const btm = new Btm({ volume: volume.path, itv: 1 });
  for (const [path, text] of Object.entries({ ...besides, "chain/blocks": "past", [file]: "signed 1" })) {
    put(volume, path, text);
  }
  await btm.snapshot(10);
  put(volume, "chain/blocks", "present");
  put(volume, file, "signed 1, 2");
  return { volume, btm };
}

function put(volume: TestVolume, path: string, text: string): void {
  mkdirSync(dirname(join(volume.path, path)), { recursive: true });
  writeFileSync(join(volume.path, path), text);
}

const read = (volume: TestVolume, path: string): string => readFileSync(join(volume.path, path), "utf8");

describe("every known signer file", () => {
  const paths = knownSigners.map(({ path }) => path);
  const files = knownSigners.map(({ file }) => file);
  const texts = (volume: TestVolume): Set<string> => new Set(files.map((file) => read(volume, file)));
  let scene: Scene;

  beforeAll(async () => {
    const besides = Object.assign({}, ...knownSigners.map((known) => known.besides)) as Record<string, string>;
    const signed = (text: string): Record<string, string> => Object.fromEntries(files.map((file) => [file, text]));
    scene = await makeScene("chain/height", { ...besides, ...signed("signed 1") });
    for (const file of files) put(scene.volume, file, "signed 1, 2");
  });

  // One of each validator: a plan looks at every process of the machine, and src/rollback/signer.test.ts has them all.
  const one = knownSigners.filter(({ what }, i) => knownSigners.findIndex((known) => known.what === what) === i);
  it.each(one)("$what, $path, is in the way when all others are preserved", async ({ path, what }) => {
    const preserve = paths.filter((other) => other !== path);
    const { blockers } = await scene.btm.rollback(10, { preserve, dryRun: true });
    expect(blockers).toEqual([
      expect.objectContaining({
        kind: "signer-state",
        message: expect.stringContaining(`looks into "${path}" (${what}), and the rollback`) as unknown,
      }),
    ]);
  });

  it("is refused, preserved, and allowed", async () => {
    const { volume, btm } = scene;
    const before = volume.everything({ exact: true });
    const error = await failureOf(btm.rollback(10), "SIGNER_STATE");
    expect(error.message).toContain("double signing");
    expect(error.message + String(error.hint)).toContain("--preserve");
    expect(volume.everything({ exact: true })).toEqual(before);

    await btm.rollback(10, { preserve: paths });
    expect(read(volume, "chain/blocks")).toBe("past");
    expect(texts(volume)).toEqual(new Set(["signed 1, 2"]));

    await btm.rollback(10, { allowSignerRewind: true });
    expect(texts(volume)).toEqual(new Set(["signed 1"]));
  });
});

it("undo forwards carries the same files, and refuses as well", async () => {
  const file = "data/priv_validator_state.json";
  const { volume, btm } = await makeScene(file);
  await btm.rollback(10, { preserve: ["**/priv_validator_state.json"] });
  put(volume, file, "signed 1, 2, 3");
  await failureOf(btm.undo(), "SIGNER_STATE");
  await btm.undo(undefined, { preserve: ["**/priv_validator_state.json"] });
  expect([read(volume, "chain/blocks"), read(volume, file)]).toEqual(["present", "signed 1, 2, 3"]);
});

it("a node that signs nothing is not asked, nor one whose state did not change", async () => {
  const { volume, btm } = await makeScene("config/node_key.json");
  await btm.rollback(10);
  expect(read(volume, "chain/blocks")).toBe("past");
  const idle = await makeScene("chain/more");
  put(idle.volume, "data/priv_validator_state.json", "never signed");
  await idle.btm.snapshot(20);
  await idle.btm.rollback(20);
});

it("a dry run says what would be preserved", async () => {
  const file = "data/priv_validator_state.json";
  const { volume, btm } = await makeScene(file);
  const before = volume.everything({ exact: true });
  const result = await btm.rollback(10, { preserve: [file], dryRun: true });
  expect(JSON.stringify(result, (_, value: unknown) => (typeof value === "bigint" ? String(value) : value))).toContain(
    file,
  );
  expect(volume.everything({ exact: true })).toEqual(before);
});

describe("the signing state of the family that a mark names", () => {
  const file = "data/priv_validator_state.json";
  const node = { family: "cometbft", before: "10", quiesce: "none" } as const;

  async function makeFollowed(): Promise<Scene> {
    const volume = await btrfsVolume(image, `v${String(volumes++)}`, { isMounted: false });
    const btm = new Btm({ volume: volume.path, itv: 1 });
    put(volume, file, "signed 1");
    await btm.snapshot(10, { node });
    put(volume, file, "signed 1, 2");
    return { volume, btm };
  }

  it("is carried over although nobody said so, and the plan tells", async () => {
    const { volume, btm } = await makeFollowed();
    expect(await btm.rollback(10, { dryRun: true })).toMatchObject({ preserved: [file], blockers: [] });
    expect(await btm.rollback(10)).toMatchObject({ preserved: [file] });
    expect(read(volume, file)).toBe("signed 1, 2");
  });

  it("goes back when that is allowed, and is nobody's business when it is the same", async () => {
    const { volume, btm } = await makeFollowed();
    put(volume, file, "signed 1");
    expect(await btm.rollback(10, { dryRun: true })).toMatchObject({ preserved: [], warnings: [] });
    put(volume, file, "signed 1, 2");
    expect(await btm.rollback(10, { allowSignerRewind: true })).toMatchObject({ preserved: [] });
    expect(read(volume, file)).toBe("signed 1");
  });
});
