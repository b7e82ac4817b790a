/**
 * The page that previews casts, the same in both editors.
 *
 * Its look is `style/page.css` and `style/casts.css`, in the colours of the editor around it. It sets no style
 * attributes, so that it works under the strictest content security policy.
 */
import { html, nothing, render, type TemplateResult } from 'lit-html';

import { formatBytes } from '../format.js';
import { t } from '../translation.js';
import { codeView } from './code.js';
import { detailView } from './detail.js';
import type { CastPreview } from './protocol.js';
import { CastSession, type CastHost, type ProposedEdit } from './session.js';
import { tableView } from './table-view.js';
import { whyUnmeasured } from './table.js';

export type { CastHost } from './session.js';

/** A damaged checkpoint may have one for each tensor. */
const MOST_WARNINGS = 20;

/** One page in an element; `dispose` stops what is being measured. */
export class CastPage {
  private readonly session: CastSession;
  private drawing = false;
  private disposed = false;
  private proposed: ProposedEdit | null = null;

  /**
   * @param root - an empty element
   * @param model - the id of a tree row, or a model's name as code has it
   */
  constructor(
    private readonly root: HTMLElement,
    host: CastHost,
    model: string,
  ) {
    this.session = new CastSession(host, model, () => this.draw());
    root.classList.add('loupe-page');
    void this.session.sample();
  }

  dispose(): void {
    this.disposed = true;
    this.session.dispose();
  }

  /** Many changes in a row are drawn once. */
  private draw(): void {
    if (this.drawing) {
      return;
    }
    this.drawing = true;
    queueMicrotask(() => {
      this.drawing = false;
      if (!this.disposed) {
        render(pageView(this.session), this.root);
        this.followProposal();
      }
    });
  }

  /** What the user asked for comes to the keyboard, and leads back to where it was asked for. */
  private followProposal(): void {
    const { proposed } = this.session.state;
    if (proposed === this.proposed) {
      return;
    }
    const dtype = (proposed ?? this.proposed)?.dtype ?? '';
    this.proposed = proposed;
    const target = proposed ? '.loupe-edit button' : `[data-apply="${CSS.escape(dtype)}"]`;
    this.root.querySelector<HTMLElement>(target)?.focus();
  }
}

function pageView(session: CastSession): TemplateResult {
  const { preview, running } = session.state;
  return html`
    ${headView(session)} ${statusView(session)}
    ${preview?.network && !running ? networkView(session, preview.network) : nothing}
    ${preview ? html`${warningsView(preview)} ${unmeasuredView(preview)} ${tableView(session)} ${editView(session)} ${detailView(session)}` : nothing}
  `;
}

function headView(session: CastSession): TemplateResult {
  const { preview, running, scope } = session.state;
  return html`
    <div class="loupe-head">
      <div class="loupe-titles">
        <h1>${preview?.title ?? t('Cast preview')}</h1>
        ${leadView(session)}
      </div>
      ${
        scope === null
          ? nothing
          : html`<p class="loupe-scope">
              ${codeView(t('Only `{0}`', scope))}
              <button class="loupe-quiet" @click=${() => void session.narrow(null)}>${t('Whole model')}</button>
            </p>`
      }
      ${
        running === 'exact' || (preview?.exact === true && preview.complete)
          ? nothing
          : html`<button
              class="loupe-primary"
              ?disabled=${!preview}
              title=${t('Exact figures: reads all weights')}
              @click=${() => void session.measure()}
            >
              ${t('Measure Every Value')}
            </button>`
      }
    </div>
  `;
}

function leadView({ state: { preview, running } }: CastSession): TemplateResult | typeof nothing {
  const text = preview ? leadText(preview) : running ? t('Reading the weights’ headers …') : '';
  return text ? html`<p class="loupe-faint">${text}</p>` : nothing;
}

function leadText({ stored, current, exact, complete }: CastPreview): string {
  return [
    t('stored {0} {1}', stored.dtype ?? '', formatBytes(stored.bytes)),
    current === null ? '' : t('the code loads {0}', current),
    complete ? (exact ? t('every value measured') : t('estimated from a sample of every tensor')) : '',
  ]
    .filter(Boolean)
    .join(' · ');
}

/** What goes on, what was done and what went wrong. */
function statusView(session: CastSession): TemplateResult {
  const { preview, running, progress, error, done } = session.state;
  const label = running === 'exact' ? t('Measuring every value …') : t('Measuring a sample …');
  return html`
    <div class="loupe-status" role="status">
      ${error === null ? nothing : html`<p class="loupe-error">${error}</p>`}
      ${done === null ? nothing : html`<p class="loupe-done">${done}</p>`} ${running ? html`<span>${label}</span>` : nothing}
    </div>
    ${
      running
        ? html`<div class="loupe-progress">
            <progress aria-label=${label} max="100" value=${progress?.percentage ?? nothing}></progress>
            <span class="loupe-faint">${progress?.message ?? ''}</span>
            <button @click=${() => session.cancel()}>${t('Cancel')}</button>
          </div>`
        : preview
          ? nothing
          : html`<button @click=${() => void session.sample()}>${t('Try Again')}</button>`
    }
  `;
}

/** What is wrong with the model's files: figures may be of less than all of its weights. */
function warningsView({ warnings }: CastPreview): TemplateResult | typeof nothing {
  if (warnings.length === 0) {
    return nothing;
  }
  return html`
    <section class="loupe-warnings" aria-label=${t('What is wrong with the files')}>
      <h2>${t('What is wrong with the files')}</h2>
      <ul>
        ${warnings.slice(0, MOST_WARNINGS).map(({ code, message }) => html`<li>${message} <code>${code}</code></li>`)}
        ${warnings.length > MOST_WARNINGS ? html`<li>${t('and {0} more', warnings.length - MOST_WARNINGS)}</li>` : nothing}
      </ul>
    </section>
  `;
}

/** Why no format has figures, where that is the same for all: before the table, which would else be dashes without a word. */
function unmeasuredView({ targets }: CastPreview): TemplateResult | typeof nothing {
  const why = whyUnmeasured(targets);
  return why === null ? nothing : html`<p class="loupe-notice">${codeView(why)}</p>`;
}

function networkView(session: CastSession, network: NonNullable<CastPreview['network']>): TemplateResult {
  return html`
    <div class="loupe-notice">
      <p>
        ${t(
          'The weights are not on this machine. A sample of them takes {0} from the Hub, of {1} that are allowed.',
          formatBytes(network.bytes),
          formatBytes(network.budget),
        )}
      </p>
      <button class="loupe-primary" @click=${() => void session.sampleFromHub()}>
        ${t('Read {0} from the Hub', formatBytes(network.bytes))}
      </button>
    </div>
  `;
}

/** The lines that an edit changes, before it is made. */
function editView(session: CastSession): TemplateResult | typeof nothing {
  const { proposed } = session.state;
  if (!proposed) {
    return nothing;
  }
  const lines = (text: string, mark: string): TemplateResult[] =>
    text === '' ? [] : text.split('\n').map((line) => html`<span aria-hidden="true">${mark} </span>${line}\n`);
  return html`
    <section class="loupe-edit" aria-label=${t('Edit of the code')}>
      <h2>${proposed.edit.title}</h2>
      ${proposed.edit.lines.map(
        ({ before, after }) => html`<pre>
<del aria-label=${t('before')}>${lines(before, '−')}</del><ins aria-label=${t('after')}>${lines(after, '+')}</ins></pre
        >`,
      )}
      <div class="loupe-actions">
        <button class="loupe-primary" @click=${() => void session.apply()}>${t('Apply to the Code')}</button>
        <button @click=${() => session.dismiss()}>${t('Leave It')}</button>
      </div>
    </section>
  `;
}
