/** What a treemap says of a model's areas. */
import { formatBytes, formatInteger } from '../format.js';
import { t } from '../translation.js';
import type { Area } from '../protocol.js';

/** Width of a letter, in the drawing's units. */
const LETTER = 6.6;

/** One area in words. */
export function areaText(area: Area, whole: Area): string {
  const share = (100 * area.bytes) / Math.max(whole.bytes, 1);
  const bytes = formatBytes(area.bytes);
  const size = area.copies > 1 ? t('{0} in all {1}', bytes, area.copies) : bytes;
  const elements = formatInteger(area.elements);
  return t('{0}: {1}, {2} %, {3} elements, {4}', area.path, size, share.toFixed(1), elements, area.dtype);
}

/** The dtypes of what is not divided further, those of most bytes first. */
export function dtypesOf(whole: Area): string[] {
  const bytes = new Map<string, number>();
  const add = (area: Area): void => {
    if (area.children.length > 0) {
      area.children.forEach(add);
    } else {
      bytes.set(area.dtype, (bytes.get(area.dtype) ?? 0) + area.bytes);
    }
  };
  add(whole);
  return [...bytes].sort(([, one], [, other]) => other - one).map(([dtype]) => dtype);
}

/** As much of an area's name and size as a box of this width holds. */
export function fitting({ name, copies, bytes }: Area, width: number): string {
  const letters = Math.floor((width - 8) / LETTER);
  const long = `${name}${copies > 1 ? ` (${copies} ×)` : ''} · ${formatBytes(bytes)}`;
  const text = long.length <= letters ? long : name;
  return text.length <= letters ? text : `${text.slice(0, Math.max(1, letters - 1))}…`;
}
