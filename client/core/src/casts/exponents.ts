/** The histogram of exponents as a drawing. */
import { html, nothing, svg, type SVGTemplateResult, type TemplateResult } from 'lit-html';

import { formatInteger } from '../format.js';
import { t } from '../translation.js';
import { heightOf, histogramOf, powerOfTwo, histogramWords, type Bar, type Histogram, type Words } from './histogram.js';
import type { Numerics } from './protocol.js';

/** Of the drawing's own units. */
const HEIGHT = 130;
const STEP = 16;
const LABELS = 18;
/** About as many exponents are written out. */
const MOST_LABELS = 9;

/** `dtype` where nobody asked for a cast: what it would make of the values stands beside them. */
export function exponentsView(numerics: Numerics, dtype?: string): TemplateResult | typeof nothing {
  const words = histogramWords(dtype);
  const histogram = histogramOf(numerics, words);
  if (!histogram) {
    return nothing;
  }
  const { bars, text } = histogram;
  return html`
    <section class="loupe-card loupe-double" aria-label=${t('Exponents')}>
      <h3>${t('Exponents')}</h3>
      <figure>
        <svg class="loupe-histogram" role="img" aria-label=${text} viewBox="${-STEP} 0 ${(bars.length + 2) * STEP} ${HEIGHT + LABELS}">
          <line x1="0" y1=${HEIGHT} x2=${bars.length * STEP} y2=${HEIGHT}></line>
          ${bars.map((bar, index) => barsView(bar, index, histogram, words))}
        </svg>
        <figcaption>
          <p class="loupe-legend"><span class="loupe-before">${words.before}</span> <span class="loupe-after">${words.after}</span></p>
          <p class="loupe-faint">${text} ${t('Heights are logarithmic.')}</p>
        </figcaption>
      </figure>
    </section>
  `;
}

function barsView(bar: Bar, index: number, { bars, largest }: Histogram, words: Words): SVGTemplateResult {
  const x = index * STEP;
  const every = Math.max(1, Math.ceil(bars.length / MOST_LABELS));
  const column = (count: number, kind: string, from: number, width: number): SVGTemplateResult => {
    const height = HEIGHT * heightOf(count, largest);
    return svg`<rect class=${kind} x=${x + from} y=${HEIGHT - height} width=${width} height=${height}></rect>`;
  };
  const told = words.counts(powerOfTwo(bar.exponent), formatInteger(bar.before), formatInteger(bar.after));
  return svg`<g>
    <title>${told}</title>
    ${column(bar.before, 'loupe-before', 1, STEP - 2)}
    ${column(bar.after, 'loupe-after', 4, STEP - 8)}
    ${index % every === 0 ? svg`<text x=${x + STEP / 2} y=${HEIGHT + 13}>${powerOfTwo(bar.exponent)}</text>` : nothing}
  </g>`;
}
