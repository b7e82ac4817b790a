/** The page of one model, which follows it: of a checkpoint file, or the sizes of a model of the tree. */
import '../../core/style/page.css';
import '../../core/style/treemap.css';
import './model.css';

import {
  FILE,
  Following,
  modelSizes,
  t,
  VALUES,
  type Area,
  type CheckpointFile,
  type Numerics,
} from '@model-loupe/core';
import { Treemap } from '@model-loupe/core/treemap';
import { html, nothing, render, type TemplateResult } from 'lit-html';

import type { ModelQuestion, ModelSubject, Notice } from '../src/modelMessages';
import { Channel } from './channel';
import { element, openRoot } from './root';
import { RowsView } from './rows';
import { ValuesView } from './values';

const page = openRoot();
const { root } = page;
const subject = page.subject as ModelSubject;
const channel = new Channel<ModelQuestion>();
const server = { request: <T>(method: string, params: object) => channel.ask<T>({ method, params }) };

/** What `place` shows of an answer, or in its place why there is none. */
function following<Answer>(
  place: HTMLElement,
  ask: () => Promise<Answer>,
  draw: (answer: Answer, body: HTMLElement) => void
): Following<Answer> {
  render(html`<p role="status" class="loupe-faint"></p><div></div>`, place);
  const [problem, body] = [element(place, 'p'), element(place, 'div')];
  return new Following<Answer>({
    ask,
    draw: (answer) => draw(answer, body),
    say: (text) => {
      problem.textContent = text;
      problem.hidden = text === '';
      body.hidden = text !== '';
    },
  });
}

/** A treemap of a model's sizes. */
function followingSizes(place: HTMLElement, node: string): Following<Area> {
  let treemap: Treemap | undefined;
  return following(place, () => modelSizes(server, node), (area, body) => {
    if (treemap) {
      treemap.update(area);
    } else {
      treemap = new Treemap(body, area);
    }
  });
}

/** A checkpoint file: what it says of itself, and parts that are asked for by themselves. */
class FilePage {
  private readonly file: Following<CheckpointFile>;
  private rows: RowsView | undefined;
  private sizes: Following<Area> | undefined;
  private values: ValuesView | undefined;

  constructor(place: HTMLElement, uri: string) {
    const ask = (): Promise<CheckpointFile> => server.request(FILE, { uri });
    this.file = following(place, ask, (file, body) => this.draw(file, body));
  }

  async refresh(): Promise<void> {
    await this.file.refresh();
    await Promise.all([this.rows?.refresh(), this.sizes?.refresh()]);
  }

  /** The file was written: its values are others, even where all else is as it was. */
  async rewritten(): Promise<void> {
    this.values?.forget();
    await this.refresh();
  }

  private draw(file: CheckpointFile, body: HTMLElement): void {
    render(fileView(file), body);
    const node = file.node.id;
    this.rows ??= new RowsView(element(body, '.loupe-tree'), server, file.node);
    this.sizes ??= followingSizes(element(body, '#sizes'), node);
    this.values ??= new ValuesView(element(body, '#values'), () => server.request<Numerics>(VALUES, { node }));
  }
}

function fileView({ facts, metadata }: CheckpointFile): TemplateResult {
  const entries = Object.entries(metadata);
  return html`
    ${tableView(t('Facts'), facts)}
    ${sizesView()}
    <section aria-label=${t('Contents')}><h2>${t('Contents')}</h2><div class="loupe-tree"></div></section>
    ${entries.length > 0 ? tableView(t('Metadata'), entries) : nothing}
    <section id="values" aria-label=${t('Values')}></section>
  `;
}

function sizesView(): TemplateResult {
  return html`<section id="sizes" aria-label=${t('Sizes')}></section>`;
}

function tableView(title: string, rows: readonly (readonly [string, string])[]): TemplateResult {
  return html`<section aria-label=${title}>
    <h2>${title}</h2>
    <table class="loupe-facts">
      <tbody>
        ${rows.map(([label, value]) => html`<tr><th scope="row">${label}</th><td>${value}</td></tr>`)}
      </tbody>
    </table>
  </section>`;
}

root.classList.add('loupe-page', 'loupe-model');
if ('file' in subject) {
  render(html`<h1>${subject.name}</h1><div id="file"></div>`, root);
  const file = new FilePage(element(root, '#file'), subject.file);
  follow((notice) => (notice === 'written' ? file.rewritten() : file.refresh()));
} else {
  render(html`<h1>${subject.name}</h1>${sizesView()}`, root);
  const sizes = followingSizes(element(root, '#sizes'), subject.node);
  follow(() => sizes.refresh());
}

/** Draws a page, and again at each notice. */
function follow(refresh: (notice?: Notice['notice']) => Promise<void>): void {
  window.addEventListener('message', ({ data }: MessageEvent<Partial<Notice>>) => {
    if (data.notice) {
      void refresh(data.notice);
    }
  });
  void refresh();
}
