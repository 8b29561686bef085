import { displayText, type DisplayText } from "./display-text.js";

/**
 * Formats rows in virsh's table layout: each cell behind one blank, padded to the width of its
 * column and two blanks, the last one not padded; below the header a line of dashes. Without a
 * header only the rows.
 */
export function formatTable(
  header: readonly string[] | undefined,
  rows: readonly (readonly string[])[],
): string {
  const lines = [...(header ? [header] : []), ...rows].map((cells) => cells.map(displayText));
  const widths = columnWidths(lines);
  const formatted = lines.map((cells) => formatRow(cells, widths));
  if (header) formatted.splice(1, 0, `${"-".repeat(widths.reduce((sum, w) => sum + w + 3, 0))}\n`);
  return formatted.join("");
}

/** Rows in xl's layout: cells padded to the width of their column and two blanks, a line each. */
export function formatColumns(rows: readonly (readonly string[])[]): string[] {
  const lines = rows.map((cells) => cells.map(displayText));
  const widths = columnWidths(lines);
  return lines.map((cells) => {
    const padded = cells.map(
      ({ text, width }, column) => text + " ".repeat((widths[column] ?? 0) - width),
    );
    return `${padded.join("  ").trimEnd()}\n`;
  });
}

function columnWidths(lines: readonly (readonly DisplayText[])[]): number[] {
  const widths: number[] = [];
  for (const cells of lines)
    cells.forEach(({ width }, column) => (widths[column] = Math.max(widths[column] ?? 0, width)));
  return widths;
}

function formatRow(cells: readonly DisplayText[], widths: readonly number[]): string {
  const last = cells.length - 1;
  const padded = cells.map(({ text, width }, column) =>
    column === last ? ` ${text}` : ` ${text}${" ".repeat((widths[column] ?? 0) - width + 2)}`,
  );
  return `${padded.join("")}\n`;
}
