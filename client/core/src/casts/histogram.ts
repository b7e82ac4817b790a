/** The histogram of exponents, before and after a cast. */
import { formatInteger } from '../format.js';
import { t } from '../translation.js';
import type { ExponentCounts, Numerics } from './protocol.js';

export interface Bar {
  readonly exponent: number;
  readonly before: number;
  readonly after: number;
}

export interface Histogram {
  /** One for each exponent from the smallest to the largest that occurs. */
  readonly bars: readonly Bar[];
  readonly largest: number;
  /** The same in words. */
  readonly text: string;
}

/** What the two kinds of bars are called, and both in one sentence. */
export interface Words {
  readonly before: string;
  readonly after: string;
  both(before: string, after: string): string;
  /** How many values of an exponent there are of either kind. */
  counts(exponent: string, before: string, after: string): string;
}

/** Of a cast that was asked for, or of what `dtype` would make of the values. */
export function histogramWords(dtype?: string): Words {
  return dtype === undefined
    ? {
        before: t('before'),
        after: t('after'),
        both: (...values) => t('Before: {0}. After: {1}.', ...values),
        counts: (...values) => t('{0}: {1} before, {2} after', ...values),
      }
    : {
        before: t('stored'),
        after: t('as {0}', dtype),
        both: (...values) => t('Stored: {0}. As {2}: {1}.', ...values, dtype),
        counts: (...values) => t('{0}: {1} stored, {2} as {3}', ...values, dtype),
      };
}

/** The histogram of what was measured; null where no value is other than zero. */
export function histogramOf({ exponents, to_inf, to_zero }: Numerics, words = histogramWords()): Histogram | null {
  const before = new Map(exponents.before);
  const after = new Map(exponents.after);
  const seen = [...before.keys(), ...after.keys()];
  if (seen.length === 0) {
    return null;
  }
  const bars: Bar[] = [];
  const last = seen.reduce((one, other) => Math.max(one, other));
  for (let exponent = seen.reduce((one, other) => Math.min(one, other)); exponent <= last; exponent++) {
    bars.push({ exponent, before: before.get(exponent) ?? 0, after: after.get(exponent) ?? 0 });
  }
  const largest = bars.reduce((most, bar) => Math.max(most, bar.before, bar.after), 1);
  const lost = [
    to_inf ? t('{0} become infinite', formatInteger(to_inf)) : '',
    to_zero ? t('{0} become zero', formatInteger(to_zero)) : '',
  ].filter(Boolean);
  const text = [
    words.both(extent(exponents.before), extent(exponents.after)),
    lost.length > 0 ? `${lost.join(', ')}.` : '',
  ];
  return { bars, largest, text: text.join(' ').trim() };
}

/** How high a bar is, of 1: on a logarithmic scale, since what a cast loses is rare. */
export function heightOf(count: number, largest: number): number {
  return Math.log1p(count) / Math.log1p(largest);
}

/** `2⁻²⁴` */
export function powerOfTwo(exponent: number): string {
  const digits = String(Math.abs(exponent)).replace(/\d/g, (digit) => '⁰¹²³⁴⁵⁶⁷⁸⁹'[Number(digit)] ?? '');
  return `2${exponent < 0 ? '⁻' : ''}${digits}`;
}

/** The smallest exponent, the largest and the most frequent. */
function extent(counts: ExponentCounts): string {
  const [first] = counts;
  if (!first) {
    return t('only zeros');
  }
  let [low, high, most] = [first, first, first];
  for (const pair of counts) {
    low = pair[0] < low[0] ? pair : low;
    high = pair[0] > high[0] ? pair : high;
    most = pair[1] > most[1] ? pair : most;
  }
  return t('{0} to {1}, most at {2}', powerOfTwo(low[0]), powerOfTwo(high[0]), powerOfTwo(most[0]));
}
