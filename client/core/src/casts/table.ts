/** The table of targets: what each column tells of a cast, as text and as what it is sorted by. */
import { formatBytes, formatInteger, formatShort } from '../format.js';
import { t } from '../translation.js';
import type { CastTarget, Numerics } from './protocol.js';

export type ColumnKey =
  | 'dtype'
  | 'bytes'
  | 'bits'
  | 'snr'
  | 'to_inf'
  | 'saturated'
  | 'to_zero'
  | 'max_error'
  | 'changed'
  | 'fits';

export interface Column {
  readonly key: ColumnKey;
  readonly label: string;
  /** What the figure is, for who does not know the label. */
  readonly meaning: string;
}

export interface Cell {
  readonly text: string;
  /** More about the figure, or why there is none. */
  readonly note?: string;
  /** Values are lost here, or nothing is. */
  readonly tone?: 'bad' | 'good' | 'faint';
}

export interface Sorting {
  readonly column: ColumnKey;
  readonly descending: boolean;
}

interface Source extends Column {
  readonly cell: (target: CastTarget) => Cell;
  /** Null is last in either direction. */
  readonly value: (target: CastTarget) => number | string | null;
}

const UNKNOWN: Cell = { text: '–', tone: 'faint' };

/** Made anew each time: their words are in the language that is set by then. */
const sources = (): readonly Source[] => [
  {
    key: 'dtype',
    label: t('To'),
    meaning: t('The format that the weights are cast to'),
    cell: ({ dtype, title }) => ({ text: dtype, note: title }),
    value: ({ dtype }) => dtype.toLowerCase(),
  },
  {
    key: 'bytes',
    label: t('Size'),
    meaning: t('Bytes of all weights after the cast, scales included'),
    cell: ({ bytes }) => ({ text: formatBytes(bytes), note: t('{0} bytes', formatInteger(bytes)) }),
    value: ({ bytes }) => bytes,
  },
  {
    key: 'bits',
    label: t('Bits'),
    meaning: t('Bits per parameter that is cast, scales included'),
    cell: (target) => ({ text: formatShort(target.bits_per_parameter) }),
    value: (target) => target.bits_per_parameter,
  },
  {
    key: 'snr',
    label: t('SNR (dB)'),
    meaning: t('Signal-to-noise ratio, 10·log₁₀(Σx² ∕ Σ(x − x̂)²): 6 dB less is twice the error'),
    cell: snrCell,
    // An exact cast has no noise.
    value: ({ numerics }) => numerics?.snr_db ?? (numerics && isExactCast(numerics) ? Infinity : null),
  },
  counted('to_inf', t('→ inf'), t('Finite values that become infinite or NaN')),
  counted('saturated', t('Clamped'), t('Values beyond the largest of the format, which become that')),
  counted('to_zero', t('→ 0'), t('Values that were not zero and become it')),
  {
    key: 'max_error',
    label: t('Max error'),
    meaning: t('Largest absolute difference between a value and what it becomes'),
    cell: ({ numerics }) =>
      numerics?.max_abs_error == null
        ? UNKNOWN
        : { text: about(numerics, 'max_abs_error') + formatShort(numerics.max_abs_error) },
    value: ({ numerics }) => numerics?.max_abs_error ?? null,
  },
  {
    key: 'changed',
    label: t('Changed'),
    meaning: t('Share of values that are another number after the cast'),
    cell: changedCell,
    value: ({ numerics }) => share(numerics),
  },
  {
    key: 'fits',
    label: t('Fits'),
    meaning: t('Which of your memory sizes holds the weights and the cache'),
    cell: fitsCell,
    value: ({ fits }) => (fits?.length ? fits.filter((each) => each.fits).length : null),
  },
];

/** The columns that say something about these targets. */
export function columnsOf(targets: readonly CastTarget[]): readonly Column[] {
  return sources().filter(({ key }) => key !== 'fits' || targets.some(({ fits }) => fits?.length));
}

export function cellOf(target: CastTarget, column: ColumnKey): Cell {
  return source(column).cell(target);
}

/** The targets in another order; the server's where nothing is sorted by. */
export function sorted(targets: readonly CastTarget[], sorting: Sorting | null): readonly CastTarget[] {
  if (!sorting) {
    return targets;
  }
  const { value } = source(sorting.column);
  const sign = sorting.descending ? -1 : 1;
  return [...targets].sort((one, other) => {
    const [a, b] = [value(one), value(other)];
    if (a === null || b === null) {
      return Number(a === null) - Number(b === null);
    }
    return a < b ? -sign : a > b ? sign : 0;
  });
}

/** Whether nothing at all is lost: what a sample saw nothing of is not known, and null. */
export function isExactCast({ snr_db, changed, to_inf }: Numerics): boolean {
  return snr_db === null && changed === 0 && to_inf === 0;
}

function source(column: ColumnKey): Source {
  const found = sources().find(({ key }) => key === column);
  if (!found) {
    throw new Error(`no such column: ${column}`);
  }
  return found;
}

/** A sample's figure is marked; of a tensor that was read whole it is none. */
function about(numerics: Numerics, figure: keyof Numerics): string {
  const isEstimate = numerics.mode === 'sampled' && (numerics.sampled ?? 0) < numerics.elements;
  return isEstimate && numerics[figure] !== 0 ? '≈ ' : '';
}

function snrCell({ numerics, unmeasured }: CastTarget): Cell {
  if (!numerics) {
    return unmeasured ? { ...UNKNOWN, note: unmeasured.message } : UNKNOWN;
  }
  if (numerics.snr_db === null) {
    return isExactCast(numerics) ? { text: t('exact'), tone: 'good' } : UNKNOWN;
  }
  const interval = numerics.interval?.snr_db;
  if (!interval || interval[0] === interval[1]) {
    return { text: numerics.snr_db.toFixed(2) };
  }
  const [low, high] = interval;
  const text = `${numerics.snr_db.toFixed(2)} ± ${((high - low) / 2).toFixed(2)}`;
  return { text, note: t('From a sample: between {0} and {1} dB (95 %)', low.toFixed(2), high.toFixed(2)) };
}

function counted(key: 'to_inf' | 'saturated' | 'to_zero', label: string, meaning: string): Source {
  return {
    key,
    label,
    meaning,
    cell: ({ numerics }) => {
      const count = numerics?.[key];
      if (!numerics || count == null) {
        return numerics ? { ...UNKNOWN, note: t('Rare values are not estimated from a sample: measure every value.') } : UNKNOWN;
      }
      const text = about(numerics, key) + formatInteger(count);
      return count > 0 && key === 'to_inf' ? { text, tone: 'bad' } : { text };
    },
    value: ({ numerics }) => numerics?.[key] ?? null,
  };
}

function share(numerics: Numerics | null | undefined): number | null {
  return numerics?.changed == null ? null : numerics.changed / Math.max(numerics.elements, 1);
}

function changedCell({ numerics }: CastTarget): Cell {
  const changed = share(numerics);
  if (!numerics || changed === null) {
    return UNKNOWN;
  }
  return { text: `${about(numerics, 'changed')}${formatShort(100 * changed)} %` };
}

function fitsCell({ fits }: CastTarget): Cell {
  if (!fits?.length) {
    return UNKNOWN;
  }
  const smallest = fits.find((each) => each.fits);
  const note = fits.map(({ device, fits: does }) => `${device}: ${does ? t('yes') : t('no')}`).join(', ');
  return smallest ? { text: smallest.device, note, tone: 'good' } : { text: t('none'), note, tone: 'bad' };
}

/** Why no target has figures, if they all say the same; else null. */
export function whyUnmeasured(targets: readonly CastTarget[]): string | null {
  const [first, ...others] = targets.map(({ unmeasured }) => unmeasured?.message ?? null);
  return first != null && others.every((why) => why === first) ? first : null;
}
