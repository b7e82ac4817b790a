/** The table of targets as elements. */
import { html, nothing, type TemplateResult } from 'lit-html';
import { repeat } from 'lit-html/directives/repeat.js';

import { t } from '../translation.js';
import type { CastTarget } from './protocol.js';
import type { CastSession } from './session.js';
import { cellOf, columnsOf, type Cell, type Column, type Sorting } from './table.js';

export function tableView(session: CastSession): TemplateResult {
  const { targets } = session;
  const columns = columnsOf(targets);
  const canApply = targets.some((target) => session.canApply(target));
  const largest = targets.reduce((most, { bytes }) => Math.max(most, bytes), 1);
  const row = (target: CastTarget): TemplateResult => rowView(session, target, columns, largest, canApply);
  return html`
    <div class="loupe-scroll">
      <table class="loupe-targets">
        <caption>
          ${t('What each format makes of the weights')}
        </caption>
        <thead>
          <tr>
            ${columns.map((column) => headView(column, session.state.sorting, () => session.sortBy(column.key)))}
            ${canApply ? html`<th scope="col" class="loupe-last"><span class="loupe-hidden">${t('Apply to the code')}</span></th>` : nothing}
          </tr>
        </thead>
        <tbody>
          ${repeat(targets, ({ dtype }) => dtype, row)}
        </tbody>
      </table>
    </div>
    ${
      targets.some(isAbsent)
        ? html`<p class="loupe-faint">${t('In italics: what the Python that runs the code has no library for.')}</p>`
        : nothing
    }
  `;
}

function headView({ label, meaning, key }: Column, sorting: Sorting | null, sort: () => void): TemplateResult {
  const order = sorting?.column !== key ? 'none' : sorting.descending ? 'descending' : 'ascending';
  return html`<th scope="col" aria-sort=${order}>
    <button title=${meaning} @click=${sort}>${label}</button>
  </th>`;
}

function rowView(
  session: CastSession,
  target: CastTarget,
  columns: readonly Column[],
  largest: number,
  canApply: boolean,
): TemplateResult {
  const isSelected = target === session.selected;
  const select = (): void => session.select(target.dtype);
  return html`<tr class=${isSelected ? 'loupe-selected' : ''} data-dtype=${target.dtype} @click=${select}>
    ${columns.map(({ key }) => {
      const cell = cellOf(target, key);
      if (key === 'dtype') {
        return html`<th scope="row">${nameView(session, target, isSelected, cell)}</th>`;
      }
      return html`<td class=${cell.tone ? `loupe-${cell.tone}` : ''} title=${cell.note ?? nothing}>
        ${cell.text}${key === 'bytes' ? barView(target.bytes / largest) : nothing}
      </td>`;
    })}
    ${canApply ? html`<td class="loupe-last">${applyView(session, target)}</td>` : nothing}
  </tr>`;
}

function nameView(session: CastSession, target: CastTarget, isSelected: boolean, cell: Cell): TemplateResult {
  return html`<button
      class=${isAbsent(target) ? 'loupe-absent' : ''}
      aria-pressed=${String(isSelected)}
      title=${[cell.note, target.runs_here?.why].filter(Boolean).join(': ')}
    >
      ${cell.text}</button
    >${isAbsent(target) ? html`<span class="loupe-hidden">, ${t('does not run here')}</span>` : nothing}
    ${session.state.preview?.current === target.dtype ? html`<span class="loupe-badge">${t('loaded now')}</span>` : nothing}`;
}

function isAbsent({ runs_here }: CastTarget): boolean {
  return runs_here?.ok === false;
}

function applyView(session: CastSession, target: CastTarget): TemplateResult | typeof nothing {
  if (!session.canApply(target) || session.state.preview?.current === target.dtype) {
    return nothing;
  }
  return html`<button
    class="loupe-apply"
    data-apply=${target.dtype}
    aria-label=${t('Apply {0} to the code', target.title)}
    @click=${() => void session.propose(target.dtype)}
  >
    ${t('Apply …')}
  </button>`;
}

/** A bar under a figure that the text beside it tells, too. */
export function barView(share: number): TemplateResult {
  return html`<svg class="loupe-bar" aria-hidden="true" preserveAspectRatio="none" viewBox="0 0 100 1">
    <rect width=${(100 * Math.min(share, 1)).toFixed(2)} height="1"></rect>
  </svg>`;
}
