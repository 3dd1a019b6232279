// Tables as CSV (RFC 4180) that spreadsheets open well, no cell of which they take for a formula. Pure.

const BYTE_ORDER_MARK = "\ufeff"; // Excel reads UTF-8 by it alone
const FORMULA = /^[=+\-@\t\r]/;

export function buildCsv(rows: readonly (readonly (string | number)[])[]): string {
  return BYTE_ORDER_MARK + rows.map((row) => `${row.map(cell).join(",")}\r\n`).join("");
}

function cell(value: string | number): string {
  if (typeof value === "number") return String(value);
  const safe = FORMULA.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
