/** The page of one model: of a checkpoint file, or the sizes of a model of the tree. */
import '../../core/style/page.css';
import '../../core/style/treemap.css';
import './model.css';

import {
  CHILDREN,
  FILE,
  messageOf,
  modelSizes,
  t,
  VALUES,
  type CheckpointFile,
  type Numerics,
  type TreeNode,
} from '@model-loupe/core';
import { Treemap } from '@model-loupe/core/treemap';
import { html, nothing, render, type TemplateResult } from 'lit-html';

import type { ModelQuestion, ModelSubject, Notice } from '../src/modelMessages';
import { Channel } from './channel';
import { element, openRoot } from './root';
import { ValuesView } from './values';

const page = openRoot();
const { root } = page;
const subject = page.subject as ModelSubject;
const channel = new Channel<ModelQuestion>();

function ask<T>(method: string, params: object): Promise<T> {
  return channel.ask<T>({ method, params });
}

let hasFailed = false;

async function show(): Promise<void> {
  hasFailed = false;
  try {
    if ('file' in subject) {
      const file = await ask<CheckpointFile>(FILE, { uri: subject.file });
      render(fileView(file), root);
      new ValuesView(element(root, '#values'), () => ask<Numerics>(VALUES, { node: file.node.id }));
      await fillTree(element(root, '.loupe-tree'), file.node.id);
      await showTreemap(file.node.id).catch((error: unknown) => tellInPlace(element(root, '#sizes'), error));
    } else {
      render(html`<h1>${subject.name}</h1>${sizesView()}`, root);
      await showTreemap(subject.node);
    }
  } catch (error) {
    hasFailed = true;
    render(html`<h1>${subject.name}</h1><p role="alert">${messageOf(error)}</p>`, root);
  }
}

function fileView({ facts, metadata }: CheckpointFile): TemplateResult {
  const entries = Object.entries(metadata);
  return html`
    <h1>${subject.name}</h1>
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

async function showTreemap(node: string): Promise<void> {
  new Treemap(element(root, '#sizes'), await modelSizes({ request: ask }, node));
}

function tellInPlace(place: HTMLElement, error: unknown): void {
  render(html`<p class="loupe-faint">${messageOf(error)}</p>`, place);
}

/** The rows below a node; what is below them is asked for when they are opened. */
async function fillTree(place: HTMLElement, node: string): Promise<void> {
  let rows = await ask<TreeNode[]>(CHILDREN, { node });
  const draw = (): void => {
    render(html`${rows.map((row) => (row.icon === 'more' ? moreView(row) : rowView(row)))}`, place);
  };
  const moreView = (more: TreeNode): TemplateResult =>
    html`<button type="button" class="loupe-link" @click=${() => void showMore(more)}>${more.label}</button>`;
  const showMore = async (more: TreeNode): Promise<void> => {
    const shown = rows.slice(0, -1);
    rows = [...shown, ...(await ask<TreeNode[]>(CHILDREN, { node: more.id }))];
    draw();
    focusOn(place.children[shown.length]);
  };
  draw();
}

/** The keyboard goes on at the first of the rows that came in the place of its button. */
function focusOn(row: Element | undefined): void {
  const target = row?.querySelector('summary') ?? row;
  if (target instanceof HTMLElement) {
    target.tabIndex = target.tagName === 'SUMMARY' ? 0 : -1;
    target.focus();
  }
}

function rowView(row: TreeNode): TemplateResult {
  const text = html`${row.label} <span class="loupe-faint">${row.description}</span>`;
  if (!row.collapsible) {
    return html`<div class="loupe-leaf">${text}</div>`;
  }
  const open = (event: Event): void => {
    const details = event.currentTarget as HTMLDetailsElement;
    const place = details.querySelector<HTMLElement>(':scope > div');
    if (details.open && place && !place.hasChildNodes()) {
      void fillTree(place, row.id);
    }
  };
  return html`<details @toggle=${open}><summary>${text}</summary><div></div></details>`;
}

root.classList.add('loupe-page', 'loupe-model');
window.addEventListener('message', ({ data }: MessageEvent<Partial<Notice>>) => {
  if (data.notice === 'changed' || (data.notice === 'ready' && hasFailed)) {
    void show();
  }
});
void show();
