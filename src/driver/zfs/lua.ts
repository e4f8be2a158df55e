import { quote } from "../../text.ts";

/** A name on ZFS as a literal of Lua. */
export function literal(text: string): string {
  if (!/^[A-Za-z0-9 _.:/@#-]+$/.test(text)) throw new TypeError(`${quote(text)} is no name on ZFS`);
  return `"${text}"`;
}

/** A guid is unsigned and Lua's integers are signed: they are compared as the text of the signed one. */
export function signed(guid: string): string {
  return String(BigInt.asIntN(64, BigInt(guid)));
}
