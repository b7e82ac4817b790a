/** How large the values of a checkpoint file are: a histogram that is read when somebody asks for it. */
import { formatInteger, histogramOf, messageOf, t, type Numerics } from '@model-loupe/core';
import { codeView } from '@model-loupe/core/code';
import { exponentsView } from '@model-loupe/core/exponents';
import { html, nothing, render, type TemplateResult } from 'lit-html';

interface State {
  readonly isReading?: boolean;
  readonly numerics?: Numerics;
  readonly error?: string;
}

export class ValuesView {
  private state: State = {};

  /** `read` measures what float16 makes of a sample of the file's values. */
  constructor(
    private readonly place: HTMLElement,
    private readonly read: () => Promise<Numerics>
  ) {
    this.draw({});
  }

  /** The values are others by now: what was read of them is no longer shown. */
  forget(): void {
    this.draw({});
  }

  private async show(): Promise<void> {
    if (this.state.isReading) {
      return;
    }
    const reading: State = { isReading: true };
    this.draw(reading);
    const read = await this.tryToRead();
    if (this.state !== reading) {
      return; // forgotten meanwhile
    }
    this.draw(read);
    if (read.numerics) {
      this.bringIntoSight();
    }
  }

  private async tryToRead(): Promise<State> {
    try {
      const numerics = await this.read();
      return histogramOf(numerics) ? { numerics } : { error: t('There are no values to show.') };
    } catch (error) {
      return { error: messageOf(error) };
    }
  }

  /** The button that had the focus is gone: what it led to has it now, and is read out. */
  private bringIntoSight(): void {
    this.place.querySelector<HTMLElement>('figure')?.setAttribute('tabindex', '-1');
    this.place.querySelector<HTMLElement>('figure')?.focus({ preventScroll: true });
    this.place.scrollIntoView({ block: 'nearest' });
  }

  private draw(state: State): void {
    this.state = state;
    const { numerics, error } = state;
    render(
      html`
        <h2>${t('Values')}</h2>
        ${numerics ? exponentsView(numerics, 'float16') : this.offerView()}
        <p class="loupe-faint" role="status">${statusText(state)}</p>
        ${error === undefined ? nothing : html`<p role="alert">${codeView(error)}</p>`}
      `,
      this.place
    );
  }

  private offerView(): TemplateResult {
    return html`
      <p>${t('Reads a sample of every tensor, and shows how large its values are and what float16 would make of them.')}</p>
      <button type="button" @click=${() => void this.show()}>${t('Show Histogram')}</button>
    `;
  }
}

function statusText({ isReading, numerics }: State): string {
  if (isReading) {
    return t('Reading a sample of the values …');
  }
  const [elements, sampled] = [numerics?.elements, numerics?.sampled].map((count) => formatInteger(count ?? 0));
  return numerics ? t('The histogram is of {0} values, {1} of them read.', elements ?? '', sampled ?? '') : '';
}
