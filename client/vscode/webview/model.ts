/** The page of one model: of a checkpoint file, or the sizes of a model of the tree. */
import '../../core/style/page.css';
import '../../core/style/treemap.css';
import './model.css';

import {
  CAST_PREVIEW,
  CHILDREN,
  FILE,
  modelSizes,
  type CastPreview,
  type CheckpointFile,
  type TreeNode,
} from '@model-loupe/core';
import { exponentsView } from '@model-loupe/core/exponents';
import { Treemap } from '@model-loupe/core/treemap';
import { html, nothing, render, type TemplateResult } from 'lit-html';

import type { FileChanged, ModelQuestion, ModelSubject } from '../src/modelMessages';
import { Channel } from './channel';

const channel = new Channel<ModelQuestion>();

function ask<T>(method: string, params: object): Promise<T> {
  return channel.ask<T>({ method, params });
}

function element(inside: ParentNode, selector: string): HTMLElement {
  const found = inside.querySelector<HTMLElement>(selector);
  if (!found) {
    throw new Error(`the page has no ${selector}`);
  }
  return found;
}

const root = element(document, '#page');
const subject = JSON.parse(root.dataset.subject ?? '{}') as ModelSubject;

async function show(): Promise<void> {
  try {
    if ('file' in subject) {
      const file = await ask<CheckpointFile>(FILE, { uri: subject.file });
      render(fileView(file), root);
      await fillTree(element(root, '.loupe-tree'), file.node.id);
      await fillTreemap(file.node.id);
    } else {
      render(html`<h1>${subject.name}</h1><section id="sizes" aria-label="Sizes"></section>`, root);
      await fillTreemap(subject.node);
    }
  } catch (error) {
    render(html`<h1>${subject.name}</h1><p role="alert">${messageOf(error)}</p>`, root);
  }
}

function fileView({ facts, metadata, node }: CheckpointFile): TemplateResult {
  const entries = Object.entries(metadata);
  return html`
    <h1>${subject.name}</h1>
    ${tableView('Facts', facts)}
    <section id="sizes" aria-label="Sizes"></section>
    <section aria-label="Contents"><h2>Contents</h2><div class="loupe-tree"></div></section>
    ${entries.length > 0 ? tableView('Metadata', entries) : nothing}
    <section aria-label="Values">
      <h2>Values</h2>
      <div id="histogram">
        <p>Reads a sample of every tensor, and shows how large its values are and what float16 would make of them.</p>
        <button type="button" @click=${() => void showHistogram(node.id)}>Show Histogram</button>
      </div>
    </section>
  `;
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
    new Treemap(place, await modelSizes({ request: ask }, node));
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

async function showHistogram(node: string): Promise<void> {
  const place = element(root, '#histogram');
  render(html`<p role="status">Reading …</p>`, place);
  try {
    const preview = await ask<CastPreview>(CAST_PREVIEW, { model: node, dtypes: ['float16'] });
    const [target] = preview.targets;
    const why = target?.unmeasured?.message ?? 'There are no values to show.';
    render(target?.numerics ? exponentsView(target.numerics) : html`<p role="alert">${why}</p>`, place);
  } catch (error) {
    render(html`<p role="alert">${messageOf(error)}</p>`, place);
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

root.classList.add('loupe-page', 'loupe-model');
window.addEventListener('message', ({ data }: MessageEvent<Partial<FileChanged>>) => {
  if (data.changed) {
    void show();
  }
});
void show();
