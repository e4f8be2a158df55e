import { BtmError } from "../errors.ts";
import { show } from "../height.ts";
import { aptos } from "./aptos.ts";
import { avalanche } from "./avalanche.ts";
import { beacon } from "./beacon.ts";
import { bitcoin } from "./bitcoin.ts";
import { cometbft } from "./cometbft.ts";
import { evm } from "./evm.ts";
import { type Family, FAMILY_NAMES, type FamilyName, type Finality, finalityText } from "./family.ts";
import { handshake } from "./handshake.ts";
import { httpFamily, type HttpOptions } from "./http.ts";
import { monero } from "./monero.ts";
import { near } from "./near.ts";
import { solana } from "./solana.ts";
import { substrate } from "./substrate.ts";
import { sui } from "./sui.ts";

/**
 * Every family that can be told by asking, in the order in which they are tried where the port says nothing: the
 * special before the general, for a Substrate or Avalanche node may have the methods of an EVM node as well.
 */
export const FAMILIES: readonly Family[] = [
  handshake,
  bitcoin,
  cometbft,
  beacon,
  substrate,
  avalanche,
  solana,
  near,
  aptos,
  sui,
  monero,
  evm,
];

/**
 * @param http only for the family "http", which cannot do without
 * @throws BtmError BAD_OPTION
 */
export function familyOf(name: FamilyName, http?: HttpOptions): Family {
  if ((name === "http") !== (http !== undefined)) {
    const what = name === "http" ? "Cannot read the height: no path is given" : "Cannot use a path to the height";
    throw new BtmError("BAD_OPTION", `${what} with the family ${name}`, {
      hint: "The family http, and no other, wants the path to the height in the answer",
    });
  }
  const family = http === undefined ? FAMILIES.find((one) => one.name === name) : httpFamily(http);
  if (family !== undefined) return family;
  throw new BtmError("BAD_OPTION", `Cannot use the family ${show(name)}: expected ${FAMILY_NAMES.join(", ")}`);
}

/** @throws BtmError BAD_OPTION when nodes of the family do not tell what it asks for */
export function checkFinality({ name, finalities }: Family, finality: Finality): void {
  if (finalities.includes(finality.kind)) return;
  const known = finalities.map((kind) => (kind === "depth" ? "a depth" : kind)).join(", ");
  throw new BtmError("BAD_OPTION", `Cannot use the finality ${finalityText(finality)} with ${name}: it knows ${known}`);
}
