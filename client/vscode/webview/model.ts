/** The page of one model: of a checkpoint file, or the sizes of a model of the tree. */
import '../../core/style/page.css';
import '../../core/style/treemap.css';
import './model.css';

import {
  CAST_PREVIEW,
  CHILDREN,
  FILE,
  SIZES,
  t,
  type Area,
  type CastPreview,
  type CastPreviewParams,
  type CheckpointFile,
  type TreeNode,
} from '@model-loupe/core';
import { Treemap } from '@model-loupe/core/treemap';
import { html, nothing, render, type TemplateResult } from 'lit-html';

import type { FileChanged, ModelQuestion, ModelSubject } from '../src/modelMessages';
import { Channel } from './channel';
import { element, messageOf, openRoot } from './root';
import { ValuesView } from './values';

const page = openRoot();
const { root } = page;
const subject = page.subject as ModelSubject;
const channel = new Channel<ModelQuestion>();

function ask<T>(method: string, params: object): Promise<T> {
  return channel.ask<T>({ method, params });
}

async function show(): Promise<void> {
  try {
    if ('file' in subject) {
      const file = await ask<CheckpointFile>(FILE, { uri: subject.file });
      render(fileView(file), root);
      const values = { model: file.node.id, dtypes: ['float16'] } satisfies CastPreviewParams;
      new ValuesView(element(root, '#values'), () => ask<CastPreview>(CAST_PREVIEW, values));
      await fillTree(element(root, '.loupe-tree'), file.node.id);
      await fillTreemap(file.node.id);
    } else {
      render(html`<h1>${subject.name}</h1>${sizesView()}`, root);
      await fillTreemap(subject.node);
    }
  } catch (error) {
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

async function fillTreemap(node: string): Promise<void> {
  const place = element(root, '#sizes');
  try {
    new Treemap(place, await ask<Area>(SIZES, { node }));
  } catch (error) {
    render(html`<p class="loupe-faint">${messageOf(error)}</p>`, place);
  }
}

/** The rows below a node; what is below them is asked for when they are opened. */
async function fillTree(place: HTMLElement, node: string): Promise<void> {
  const rows = await ask<TreeNode[]>(CHILDREN, { node });
  render(html`${rows.map((row) => rowView(row))}`, place);
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
window.addEventListener('message', ({ data }: MessageEvent<Partial<FileChanged>>) => {
  if (data.changed) {
    void show();
  }
});
void show();
