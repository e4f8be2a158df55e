import { type Height, MAX_HEIGHT } from "../height.ts";

export function snapshotName(base: string, height: bigint): string {
  return `${base}@${String(height)}`;
}

/** The height that a name tells for the volume; undefined when it is not "<base>@<height>". */
export function heightInName(base: string, name: string): Height | undefined {
  if (!name.startsWith(`${base}@`)) return undefined;
  const digits = name.slice(base.length + 1);
  if (!/^(0|[1-9]\d{0,19})$/.test(digits)) return undefined;
  const height = BigInt(digits);
  return height > MAX_HEIGHT ? undefined : (height as Height);
}
