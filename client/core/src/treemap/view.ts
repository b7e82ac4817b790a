/** A treemap of a model's bytes, by module, coloured by dtype. Opens a module on a click or on Enter. */
import { html, nothing, render, svg, type SVGTemplateResult, type TemplateResult } from 'lit-html';

import { formatBytes } from '../format.js';
import { t } from '../translation.js';
import type { Area } from '../protocol.js';
import { layout, type Box } from './layout.js';
import { follow } from './path.js';
import { areaText, dtypesOf, fitting } from './words.js';

/** Narrowest drawing; its height is this part of its width. */
const LEAST_WIDTH = 320;
const HEIGHT = 0.5;
/** Narrower boxes have no room for a word. */
const NARROWEST = 46;
const LOWEST = 14;
const COLOURS = 8;
const SHADES = 3;

export class Treemap {
  /** The modules that were opened, the whole model first, down to the one that is shown. */
  private opened: readonly Area[];
  private shown: Area;
  private dtypes: readonly string[];
  private width = 0;

  constructor(
    private readonly root: HTMLElement,
    whole: Area
  ) {
    this.opened = [whole];
    this.shown = whole;
    this.dtypes = dtypesOf(whole);
    this.draw();
    // One unit of the drawing is one pixel: scaled down with it, words could not be read beside the code.
    new ResizeObserver(() => this.fit()).observe(root);
  }

  /** Shows newer sizes; modules that were opened stay open as far as there still are such. */
  update(whole: Area): void {
    this.dtypes = dtypesOf(whole);
    this.opened = follow(whole, this.opened);
    this.shown = this.opened.at(-1) ?? whole;
    this.draw();
  }

  private fit(): void {
    if (this.widthNow() !== this.width) {
      this.draw();
    }
  }

  private widthNow(): number {
    return Math.max(LEAST_WIDTH, Math.floor(this.root.clientWidth));
  }

  private open(areas: readonly Area[]): void {
    this.opened = areas;
    this.shown = areas.at(-1) ?? this.shown;
    this.draw();
    this.root.querySelector<HTMLElement>('.loupe-path button:last-of-type')?.focus();
  }

  private draw(): void {
    const { shown } = this;
    this.width = this.widthNow();
    const height = Math.round(this.width * HEIGHT);
    render(
      html`
        <nav class="loupe-path" aria-label=${t('Module')}>
          ${this.opened.map((area, index) => this.crumb(area, index))}
        </nav>
        <svg class="loupe-treemap" viewBox="0 0 ${this.width} ${height}" role="group" aria-label=${t('Sizes inside of {0}', shown.name)}>
          ${layout(shown, this.width, height).map((box, index) => this.boxView(box, index))}
        </svg>
        <p class="loupe-dtypes">
          ${this.dtypes.map((dtype, index) => html`<span class="loupe-dtype loupe-dtype-${index % COLOURS}">${dtype}</span>`)}
        </p>
      `,
      this.root
    );
  }

  private crumb(area: Area, index: number): TemplateResult {
    const path = this.opened.slice(0, index + 1);
    const isLast = path.length === this.opened.length;
    return html`<button type="button" aria-current=${isLast ? 'location' : 'false'} @click=${() => this.open(path)}>
      ${area.name} · ${formatBytes(area.bytes)}
    </button>`;
  }

  private boxView(box: Box, index: number): SVGTemplateResult {
    const { area, x, y, width, height, depth, divided } = box;
    const opens = area.children.length > 0;
    // What is one step below can be reached by keyboard; further down one gets by opening it.
    const isButton = opens && depth === 1;
    const open = (event: Event): void => {
      event.stopPropagation();
      this.open([...this.opened, ...this.way(area)]);
    };
    const dtype = Math.max(0, this.dtypes.indexOf(area.dtype)) % COLOURS;
    // Neighbours of one dtype differ in shade.
    const colour = `loupe-dtype-${dtype} loupe-shade-${index % SHADES}`;
    const label = areaText(area, this.shown);
    return svg`<g
      class="loupe-area ${divided ? 'loupe-divided' : colour} ${opens ? 'loupe-opens' : ''}"
      role=${isButton ? 'button' : 'img'}
      tabindex=${isButton ? '0' : '-1'}
      aria-label=${label}
      @click=${opens ? open : nothing}
      @keydown=${(event: KeyboardEvent) => (opens && (event.key === 'Enter' || event.key === ' ') ? open(event) : undefined)}
    >
      <title>${label}</title>
      <rect x=${x} y=${y} width=${width} height=${height}></rect>
      ${width >= NARROWEST && height >= LOWEST ? svg`<text x=${x + 4} y=${y + 13}>${fitting(area, width)}</text>` : nothing}
    </g>`;
  }

  /** The areas from the one that is shown, without it, down to this one. */
  private way(area: Area): Area[] {
    const down = (from: Area): Area[] | undefined => {
      if (from === area) {
        return [from];
      }
      for (const child of from.children) {
        const rest = down(child);
        if (rest) {
          return [from, ...rest];
        }
      }
      return undefined;
    };
    return down(this.shown)?.slice(1) ?? [];
  }
}
