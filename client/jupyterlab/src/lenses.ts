/**
 * A line above each call that loads a model: what it loads, and what can be looked at.
 *
 * These are the server's code lenses; neither JupyterLab nor jupyterlab-lsp shows any.
 */
import { StateEffect, StateField, type EditorState, type Extension } from '@codemirror/state';
import { Decoration, EditorView, WidgetType, type DecorationSet } from '@codemirror/view';
import type { ILSPDocumentConnectionManager } from '@jupyterlab/lsp';
import type { Range } from '@model-loupe/core';

import { Answers, type Placed } from './answers';
import type { EditorViews } from './editors';
import type { LoupeServer } from './server';

interface Command {
  readonly title: string;
  /** Empty for text that leads nowhere. */
  readonly command: string;
  readonly arguments?: readonly unknown[];
}

/** As the server answers `textDocument/codeLens`: each has its command. */
interface CodeLens {
  readonly range: Range;
  readonly command: Command;
}

type Run = (command: string, words: readonly unknown[]) => void;

const BUTTON = 'button.jp-ModelLoupe-lens';

export class CodeLenses {
  /** @param run - runs a command that was clicked */
  constructor(
    server: LoupeServer,
    manager: ILSPDocumentConnectionManager,
    private readonly views: EditorViews,
    run: Run,
  ) {
    new Answers<CodeLens>(server, manager, views, {
      method: 'textDocument/codeLens',
      params: () => ({}),
      position: ({ range }) => range.start,
      show: (view, lenses) => view.dispatch({ effects: setLenses.of({ lenses, run }) }),
    });
  }

  extension(): Extension {
    return [lensField, EditorView.updateListener.of(({ geometryChanged, view }) => geometryChanged && fit(view))];
  }

  /** Whether the editor that has the focus, or had it last, has a line of lenses. */
  get areThere(): boolean {
    return this.views.focused?.view.dom.querySelector(BUTTON) != null;
  }

  /** Moves the focus to the lenses above the cursor, or, where there are none above, to the first below. */
  focus(): void {
    const { view } = this.views.focused ?? {};
    const buttons = [...(view?.dom.querySelectorAll<HTMLElement>('.jp-ModelLoupe-lenses') ?? [])].flatMap(
      (line) => line.querySelector<HTMLElement>(BUTTON) ?? [],
    );
    const above = buttons.filter((button) => view && view.posAtDOM(button) <= view.state.selection.main.head);
    (above.at(-1) ?? buttons[0])?.focus();
  }
}

const setLenses = StateEffect.define<{ lenses: readonly Placed<CodeLens>[]; run: Run }>();

// Not a view plugin's: CodeMirror takes lines of their own only from the state.
const lensField = StateField.define<DecorationSet>({
  create: () => Decoration.none,
  update: (decorations, transaction) => {
    const told = transaction.effects.find((effect) => effect.is(setLenses));
    return told ? draw(transaction.state, told.value.lenses, told.value.run) : decorations.map(transaction.changes);
  },
  provide: (field) => EditorView.decorations.from(field),
});

/** Tells the style sheet how much of the code is seen, which may be less than its longest line takes. */
function fit(view: EditorView): void {
  view.requestMeasure({
    key: fit,
    read: ({ scrollDOM, contentDOM }) => scrollDOM.clientWidth - contentDOM.offsetLeft,
    write: (width, { dom }) => dom.style.setProperty('--jp-ModelLoupe-seen', `${width}px`),
  });
}

function draw({ doc }: EditorState, lenses: readonly Placed<CodeLens>[], run: Run): DecorationSet {
  const lines = new Map<number, Command[]>();
  for (const { line, answer } of lenses) {
    lines.set(line, [...(lines.get(line) ?? []), answer.command]);
  }
  const ranges = [...lines]
    .filter(([line]) => line >= 0 && line < doc.lines)
    .map(([line, commands]) => {
      const { from, text } = doc.line(line + 1);
      const indent = /^\s*/.exec(text)?.[0] ?? '';
      return Decoration.widget({ widget: new LensWidget(commands, indent, run), block: true, side: -1 }).range(from);
    });
  return Decoration.set(ranges, true);
}

class LensWidget extends WidgetType {
  constructor(
    private readonly commands: readonly Command[],
    private readonly indent: string,
    private readonly run: Run,
  ) {
    super();
    this.key = JSON.stringify([commands, indent]);
  }

  override eq(other: LensWidget): boolean {
    return this.key === other.key;
  }

  override ignoreEvent(): boolean {
    return true;
  }

  toDOM(view: EditorView): HTMLElement {
    const line = document.createElement('div');
    line.className = 'jp-ModelLoupe-lenses';
    line.setAttribute('role', 'toolbar');
    line.setAttribute('aria-label', 'Model Loupe');
    line.addEventListener('keydown', (event) => moveFocus(event, line, view));
    // A notebook that hears of it gives the focus to the cell's code.
    line.addEventListener('focusin', (event) => event.stopPropagation());
    // In line with the call, as code is indented.
    const indent = document.createElement('span');
    indent.textContent = this.indent;
    line.append(indent, ...this.commands.map((command) => this.lens(command)));
    return line;
  }

  private lens({ title, command, arguments: words }: Command): HTMLElement {
    const element = document.createElement(command === '' ? 'span' : 'button');
    element.className = 'jp-ModelLoupe-lens';
    element.textContent = title;
    if (command !== '') {
      element.addEventListener('click', () => this.run(command, words ?? []));
    }
    return element;
  }

  private readonly key: string;
}

/** The arrows go from lens to lens of a line, Escape and the arrow down go back to the code. */
function moveFocus(event: KeyboardEvent, line: HTMLElement, view: EditorView): void {
  const buttons = [...line.querySelectorAll<HTMLElement>(BUTTON)];
  const at = buttons.findIndex((button) => button === document.activeElement);
  const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  if (step !== undefined) {
    buttons[at + step]?.focus();
  } else if (event.key === 'Escape' || event.key === 'ArrowDown') {
    view.focus();
  } else {
    return;
  }
  // Escape and the arrows mean other things to a notebook.
  event.preventDefault();
  event.stopPropagation();
}
