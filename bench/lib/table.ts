import { type Figure, isReached, type Line, ratioOf } from "./row.ts";

const HEAD = ["what", "ours (p25-p75)", "baseline (p25-p75)", "ratio", "target", "reached"];

/** The lines as a table in Markdown, so that it can be pasted where it is kept. */
export function table(lines: readonly Line[]): string {
  const rows = [HEAD, HEAD.map(() => "---"), ...lines.map(cells)];
  const widths = HEAD.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[]): string =>
    `| ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0, cell === "---" ? "-" : " ")).join(" | ")} |`;
  return rows.map(line).join("\n");
}

function cells(line: Line): string[] {
  const reached = isReached(line);
  const what = line.against === undefined ? line.what : `${line.what}, against ${line.against}`;
  return [
    line.note === undefined ? what : `${what} (${line.note})`,
    show(line.ours, line.unit),
    line.baseline === undefined ? "" : show(line.baseline, line.unit),
    ratioOf(line)?.toPrecision(3) ?? "",
    showTarget(line),
    reached === undefined ? "" : reached ? "yes" : "no",
  ];
}

function show(figure: Figure, unit: Line["unit"]): string {
  const number = (value: number): string =>
    unit === "writes/s" || unit === "processes"
      ? value.toFixed(0)
      : value >= 100
        ? value.toFixed(0)
        : value.toPrecision(3);
  const spread = figure.samples > 1 ? ` (${number(figure.p25)}-${number(figure.p75)})` : "";
  return `${number(figure.median)}${unit === "exponent" ? "" : ` ${unit}`}${spread}`;
}

function showTarget(line: Line): string {
  if (line.target === undefined) return "";
  const unit = line.baseline === undefined ? (line.unit === "exponent" ? "" : ` ${line.unit}`) : "x";
  return `${line.target.kind === "at-most" ? "<=" : ">="} ${String(line.target.value)}${unit}`;
}
