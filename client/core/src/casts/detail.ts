/** What there is to know of the target that is selected: memory, exponents, tensors that lose most, what stays. */
import { html, nothing, type TemplateResult } from 'lit-html';

import { formatBytes, formatInteger, formatShort } from '../format.js';
import { t } from '../translation.js';
import { codeView } from './code.js';
import { exponentsView } from './exponents.js';
import type { CastTarget, Fit, KeptModule, Numerics } from './protocol.js';
import type { CastSession } from './session.js';
import { barView } from './table-view.js';
import { whyUnmeasured } from './table.js';

/** How many paths of modules are listed; a large model has thousands. */
const MOST_PATHS = 200;

export function detailView(session: CastSession): TemplateResult | typeof nothing {
  const target = session.selected;
  if (!target) {
    return nothing;
  }
  // What is the same for all targets stands above their table.
  const isTold = whyUnmeasured(session.targets) !== null;
  return html`
    <section class="loupe-detail" aria-label=${t('Cast to {0}', target.title)}>
      <h2>${target.title}</h2>
      <p class="loupe-faint">${target.library} · ${target.hardware}</p>
      ${isTold || target.runs_here?.ok !== false ? nothing : html`<p class="loupe-error">${target.runs_here.why ?? t('Does not run here.')}</p>`}
      ${isTold || !target.unmeasured ? nothing : html`<p class="loupe-notice">${codeView(target.unmeasured.message)}</p>`}
      <div class="loupe-cards">
        ${memoryView(target, session.state.preview?.stored.bytes ?? 0)}
        ${target.numerics ? html`${exponentsView(target.numerics)} ${figuresView(target.numerics)}` : nothing}
        ${worstView(session, target)} ${keptView(target)} ${modulesView(session, target)}
      </div>
    </section>
  `;
}

function memoryView(target: CastTarget, stored: number): TemplateResult {
  const largest = Math.max(stored, target.bytes, 1);
  const rows: [string, number][] = [
    [t('Stored now'), stored],
    [t('After'), target.bytes],
  ];
  const cache = target.kv_cache;
  return html`
    <section class="loupe-card" aria-label=${t('Memory')}>
      <h3>${t('Memory')}</h3>
      <table class="loupe-plain">
        ${rows.map(
          ([label, bytes]) =>
            html`<tr>
              <th scope="row">${label}</th>
              <td>${formatBytes(bytes)}</td>
              <td class="loupe-wide">${barView(bytes / largest)}</td>
            </tr>`,
        )}
      </table>
      ${
        cache
          ? html`<p>
              ${t(
                'KV cache: {0} a token as {1}, {2} now.',
                formatBytes(cache.bytes_per_token),
                cache.dtype,
                formatBytes(cache.bytes_per_token_before),
              )}
            </p>`
          : nothing
      }
      ${
        target.fits?.length
          ? html`<ul class="loupe-fits">
              ${target.fits.map((fit) => html`<li class=${fit.fits ? 'loupe-good' : 'loupe-bad'}>${fitText(fit)}</li>`)}
            </ul>`
          : nothing
      }
    </section>
  `;
}

function fitText({ device, context, bytes, fits }: Fit): string {
  const words = [device, formatBytes(bytes), formatInteger(context)] as const;
  return fits
    ? t('Fits {0}: {1} with {2} tokens of cache', ...words)
    : t('Too large for {0}: {1} with {2} tokens of cache', ...words);
}

function figuresView(numerics: Numerics): TemplateResult {
  const counts: [string, number | null][] = [
    [t('NaN before the cast'), numerics.nan_in],
    [t('Infinite before the cast'), numerics.inf_in],
    [t('Become infinite'), numerics.to_inf],
    [t('Clamped'), numerics.saturated],
    [t('Become zero'), numerics.to_zero],
    [t('Become subnormal'), numerics.to_subnormal],
  ];
  const measure = (value: number | null): string => (value === null ? '–' : formatShort(value));
  const measures: [string, string][] = [
    [t('Mean squared error'), measure(numerics.mse)],
    [t('Largest relative error'), measure(numerics.max_rel_error)],
    [t('Cosine similarity'), numerics.cosine === null ? '–' : numerics.cosine.toFixed(6)],
  ];
  const isSample = numerics.mode === 'sampled';
  const elements = formatInteger(numerics.elements);
  return html`
    <section class="loupe-card" aria-label=${t('Figures')}>
      <h3>${t('Figures')}</h3>
      <dl>
        <dt>${t('Values')}</dt>
        <dd>${isSample ? t('{0}, {1} of them read', elements, formatInteger(numerics.sampled ?? 0)) : elements}</dd>
        ${counts.map(
          ([name, count]) =>
            html`<dt>${name}</dt>
              <dd>${count === null ? t('not known from a sample') : formatInteger(count)}</dd>`,
        )}
        ${measures.map(
          ([name, value]) =>
            html`<dt>${name}</dt>
              <dd>${value}</dd>`,
        )}
      </dl>
    </section>
  `;
}

function worstView(session: CastSession, { worst }: CastTarget): TemplateResult | typeof nothing {
  if (!worst?.length) {
    return nothing;
  }
  return html`
    <section class="loupe-card" aria-label=${t('Tensors that lose most')}>
      <h3>${t('Tensors that lose most')}</h3>
      <table class="loupe-plain">
        <thead>
          <tr>
            <th scope="col">${t('Tensor')}</th>
            <th scope="col">${t('SNR (dB)')}</th>
            <th scope="col">${t('→ inf')}</th>
            <th scope="col">${t('Max error')}</th>
          </tr>
        </thead>
        <tbody>
          ${worst.map(
            ({ name, snr_db, to_inf, max_abs_error }) =>
              html`<tr>
                <th scope="row">
                  <button class="loupe-link" title=${t('Show in the tree')} @click=${() => void session.reveal(name)}>
                    ${name}
                  </button>
                </th>
                <td>${snr_db === null ? '–' : snr_db.toFixed(2)}</td>
                <td class=${to_inf ? 'loupe-bad' : ''}>${to_inf === null ? '–' : formatInteger(to_inf)}</td>
                <td>${max_abs_error === null ? '–' : formatShort(max_abs_error)}</td>
              </tr>`,
          )}
        </tbody>
      </table>
    </section>
  `;
}

/** What keeps a dtype of its own, by the reason why. */
function keptView({ kept }: CastTarget): TemplateResult | typeof nothing {
  if (kept.length === 0) {
    return nothing;
  }
  const groups = new Map<string, KeptModule[]>();
  for (const each of kept) {
    const key = `${each.dtype}: ${each.reason}`;
    groups.set(key, [...(groups.get(key) ?? []), each]);
  }
  const sum = (rows: readonly KeptModule[]): number => rows.reduce((total, { bytes }) => total + bytes, 0);
  const ordered = [...groups].sort(([, one], [, other]) => sum(other) - sum(one));
  return html`
    <section class="loupe-card" aria-label=${t('What stays, and why')}>
      <h3>${t('What stays, and why')}</h3>
      ${ordered.map(
        ([reason, rows]) =>
          html`<details>
            <summary>${reason} <span class="loupe-faint">${formatBytes(sum(rows))}</span></summary>
            <ul>
              ${rows.slice(0, MOST_PATHS).map(({ path }) => html`<li><code>${path}</code></li>`)}
              ${rows.length > MOST_PATHS ? html`<li>${t('and {0} more', formatInteger(rows.length - MOST_PATHS))}</li>` : nothing}
            </ul>
          </details>`,
      )}
    </section>
  `;
}

function modulesView(session: CastSession, { modules }: CastTarget): TemplateResult {
  const largest = modules.reduce((most, { bytes, bytes_before }) => Math.max(most, bytes, bytes_before), 1);
  return html`
    <section class="loupe-card loupe-double" aria-label=${t('Size by module')}>
      <details open>
        <summary><h3>${t('Size by module')}</h3></summary>
        <table class="loupe-plain">
          <thead>
            <tr>
              <th scope="col">${t('Module')}</th>
              <th scope="col">${t('Now')}</th>
              <th scope="col">${t('After')}</th>
              <th scope="col"><span class="loupe-hidden">${t('Share')}</span></th>
            </tr>
          </thead>
          <tbody>
            ${modules.slice(0, MOST_PATHS).map(
              ({ path, bytes_before, bytes }) =>
                html`<tr>
                  <th scope="row">
                    <button class="loupe-link" title=${t('Preview this module alone')} @click=${() => void session.narrow(path)}>${path}</button>
                  </th>
                  <td>${formatBytes(bytes_before)}</td>
                  <td>${formatBytes(bytes)}</td>
                  <td class="loupe-wide">${barView(bytes / largest)}</td>
                </tr>`,
            )}
          </tbody>
        </table>
      </details>
    </section>
  `;
}
