import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { expect, it, onTestFinished } from "vitest";

import { btm } from "../../support/executable.ts";

const CONFIG = `
[volumes.execution]
volume = "/data/execution"
itv = 1
group = "node"

[volumes.litecoin]
volume = "/data/litecoin"
cap = 50
algo = "fade"
pins = [100]
follow = "http://127.0.0.1:9332/wallet/one"
cookie = ".cookie"
finality = 6
quiesce = "stop"
unit = "litecoind"
post_snapshot = ["/usr/bin/logger", "taken"]
verify = "weekly"
verify_command = ["/usr/bin/litecoind", "-datadir={path}"]
verify_timeout = 60

[volumes.consensus]
volume = "tank/consensus"
itv = 1
group = "node"
`;

it("check-config says what a configuration means, of each volume, in words and as JSON", async () => {
  const folder = mkdtempSync(join(tmpdir(), "btm-check-config-"));
  onTestFinished(() => {
    rmSync(folder, { recursive: true });
  });
  const file = join(folder, "btm.toml");
  writeFileSync(file, CONFIG);
  const { status, stdout, stderr } = await btm(["check-config", file]);
  expect([status, stderr]).toEqual([0, ""]);
  expect(stdout.replaceAll(folder, "FOLDER")).toMatchInlineSnapshot(`
    "FOLDER/btm.toml is good: 3 volumes
    socket /run/btm/btm.sock
    execution: /data/execution, every block, at most 100 by fair
      under one height with all of the group node
      below 5% free down to 3
    litecoin: /data/litecoin, every 10 blocks, at most 50 by fade
      below 5% free down to 3
      pinned: 100
      after each: ["/usr/bin/logger","taken"]
      follows http://127.0.0.1:9332/wallet/one: a family found by itself, depth 6, quiesce stop of litecoind
      verifies the newest snapshot weekly by ["/usr/bin/litecoind","-datadir={path}"], asked at http://127.0.0.1:9332/wallet/one
    consensus: tank/consensus, every block, at most 100 by fair
      under one height with all of the group node
      below 5% free down to 3
    group node: execution, consensus
    "
  `);
  const { result } = JSON.parse((await btm(["check-config", "--json", file])).stdout) as {
    readonly result: { readonly volumes: readonly Record<string, unknown>[] };
  };
  expect(result.volumes.find(({ name }) => name === "litecoin")).toMatchInlineSnapshot(`
    {
      "algo": "fade",
      "cap": 50,
      "follow": {
        "family": null,
        "finality": "depth 6",
        "url": "http://127.0.0.1:9332/wallet/one",
        "whileSyncing": "skip",
      },
      "group": null,
      "hookTimeoutSeconds": 30,
      "itv": "10",
      "minFree": "5%",
      "minKeep": 3,
      "mode": null,
      "name": "litecoin",
      "pins": [
        "100",
      ],
      "postSnapshot": [
        "/usr/bin/logger",
        "taken",
      ],
      "preSnapshot": null,
      "preSnapshotFatal": true,
      "quiesce": "stop",
      "unit": "litecoind",
      "verify": {
        "command": [
          "/usr/bin/litecoind",
          "-datadir={path}",
        ],
        "every": "weekly",
        "follow": "http://127.0.0.1:9332/wallet/one",
        "timeoutSeconds": 60,
      },
      "volume": "/data/litecoin",
    }
  `);
});
