/** What is inside of a checkpoint file, as rows that open. */
import { messageOf, ModelTree, type Transport, type TreeNode } from '@model-loupe/core';
import { html, nothing, render, type TemplateResult } from 'lit-html';
import { repeat } from 'lit-html/directives/repeat.js';

export class RowsView {
  private readonly tree: ModelTree;
  /** The keys of rows that are open: they stay so in what is drawn anew. */
  private readonly opened = new Set<string>();
  private generation = 0;

  /** Shows, once it is told to `refresh`, the rows below `top`. */
  constructor(
    private readonly place: HTMLElement,
    transport: Transport,
    private readonly top: TreeNode
  ) {
    this.tree = new ModelTree(transport);
  }

  /** Ask again for what is shown. */
  async refresh(): Promise<void> {
    this.tree.invalidate();
    await this.draw();
  }

  private async draw(): Promise<void> {
    this.generation += 1;
    const generation = this.generation;
    const rows = await this.rowsView(this.top);
    if (generation === this.generation) {
      render(rows, this.place);
    }
  }

  private async rowsView(parent: TreeNode): Promise<TemplateResult> {
    try {
      const rows = await this.tree.children(parent);
      const views = await Promise.all(rows.map((row) => this.rowView(row)));
      return html`${repeat(rows, (row) => this.tree.key(row), (_, index) => views[index])}`;
    } catch (error) {
      return html`<p class="loupe-faint">${messageOf(error)}</p>`;
    }
  }

  private async rowView(row: TreeNode): Promise<TemplateResult> {
    if (row.icon === 'more') {
      return html`<button type="button" class="loupe-link" @click=${(event: Event) => void this.showMore(row, event)}>
        ${row.label}
      </button>`;
    }
    const text = html`${row.label} <span class="loupe-faint">${row.description}</span>`;
    if (!row.collapsible) {
      return html`<div class="loupe-leaf">${text}</div>`;
    }
    const isOpen = this.opened.has(this.tree.key(row));
    return html`<details ?open=${isOpen} @toggle=${(event: Event) => this.follow(row, event)}>
      <summary>${text}</summary>
      <div>${isOpen ? await this.rowsView(row) : nothing}</div>
    </details>`;
  }

  /** Rows below one that was opened are asked for then. */
  private follow(row: TreeNode, { currentTarget }: Event): void {
    const key = this.tree.key(row);
    const { open } = currentTarget as HTMLDetailsElement;
    if (open === this.opened.has(key)) {
      return; // drawn so
    }
    if (open) {
      this.opened.add(key);
    } else {
      this.opened.delete(key);
    }
    void this.draw();
  }

  /** The keyboard goes on at the first of the rows that come in the place of the button. */
  private async showMore(more: TreeNode, { currentTarget }: Event): Promise<void> {
    const button = currentTarget as HTMLElement;
    const level = button.parentElement;
    const index = [...(level?.children ?? [])].indexOf(button);
    await this.tree.showMore(more);
    await this.draw();
    focusOn(level?.children[index]);
  }
}

function focusOn(row: Element | undefined): void {
  const target = row?.querySelector('summary') ?? row;
  if (target instanceof HTMLElement) {
    target.tabIndex = target.tagName === 'SUMMARY' ? 0 : -1;
    target.focus();
  }
}
