/** Numbers as people read them, as the server writes them too. */

const BYTE_UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'] as const;

/** `5012344832` → `4.67 GiB`; exact below one KiB. */
export function formatBytes(count: number): string {
  let value = count;
  let unit = 0;
  // What would be shown as "1024.00" of one unit is "1.00" of the next.
  while (value >= 1024 - 0.005 && unit < BYTE_UNITS.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return unit === 0 ? `${count} B` : `${twoDecimals(value)} ${BYTE_UNITS[unit] ?? ''}`;
}

/** As Python's `.2f`, which rounds what is exactly in the middle to the even digit: 417.125 is "417.12". */
function twoDecimals(value: number): string {
  const hundredths = value * 100;
  const below = Math.floor(hundredths);
  const isMiddle = hundredths - below === 0.5;
  return isMiddle ? ((below + (below % 2)) / 100).toFixed(2) : value.toFixed(2);
}

/** `1234567` → `1,234,567`. */
export function formatInteger(count: number): string {
  return count.toLocaleString('en-US', { maximumFractionDigits: 0 });
}

/** Three significant digits, as `%.3g`: `0.00232`, `8.19e+3`, `39.1`. */
export function formatShort(value: number): string {
  if (value !== 0 && (Math.abs(value) < 1e-4 || Math.abs(value) >= 1e4)) {
    return value.toExponential(2);
  }
  return String(Number(value.toPrecision(3)));
}
