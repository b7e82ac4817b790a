/** Behind a model's name in a loading call, what it loads as: the server's inlay hints, which JupyterLab does not show. */
import { StateEffect, StateField, type Extension, type Text } from '@codemirror/state';
import { Decoration, EditorView, WidgetType, type DecorationSet } from '@codemirror/view';
import type { ILSPDocumentConnectionManager, VirtualDocument } from '@jupyterlab/lsp';
import type { Position, Range } from '@model-loupe/core';

import { Answers, type Placed } from './answers';
import type { EditorViews } from './editors';
import { virtualPlace } from './positions';
import type { LoupeServer } from './server';

/** As the server answers `textDocument/inlayHint`. */
interface InlayHint {
  readonly position: Position;
  readonly label: string;
  readonly tooltip?: string;
}

export class InlayHints {
  constructor(server: LoupeServer, manager: ILSPDocumentConnectionManager, views: EditorViews) {
    this.hints = new Answers<InlayHint>(server, manager, views, {
      method: 'textDocument/inlayHint',
      params: (document) => {
        const range = visibleRange(document, views);
        return range && { range };
      },
      position: ({ position }) => position,
      show: (view, hints) => view.dispatch({ effects: setHints.of(hints) }),
    });
    views.added.connect(this.hints.askSoon, this.hints);
  }

  extension(): Extension {
    const follow = EditorView.updateListener.of(({ viewportChanged }) => {
      if (viewportChanged) {
        this.hints.askSoon();
      }
    });
    return [hintField, follow];
  }

  private readonly hints: Answers<InlayHint>;
}

/** From the first to the last line of a document that an editor has drawn; null where none has. */
function visibleRange(document: VirtualDocument, views: EditorViews): Range | null {
  const lines = views.shown.flatMap(({ adapter, editor, view }) =>
    [view.viewport.from, view.viewport.to].flatMap((offset) => {
      const place = virtualPlace(adapter, editor, view, offset);
      return place?.document === document ? [place.position.line] : [];
    }),
  );
  if (lines.length === 0) {
    return null;
  }
  return { start: { line: Math.min(...lines), character: 0 }, end: { line: Math.max(...lines) + 1, character: 0 } };
}

const setHints = StateEffect.define<readonly Placed<InlayHint>[]>();

const hintField = StateField.define<DecorationSet>({
  create: () => Decoration.none,
  update: (decorations, transaction) => {
    const told = transaction.effects.find((effect) => effect.is(setHints));
    return told ? draw(transaction.state.doc, told.value) : decorations.map(transaction.changes);
  },
  provide: (field) => EditorView.decorations.from(field),
});

function draw(doc: Text, hints: readonly Placed<InlayHint>[]): DecorationSet {
  const ranges = hints
    .filter(({ line }) => line >= 0 && line < doc.lines)
    .map(({ line, column, answer }) => {
      const { from, to } = doc.line(line + 1);
      return Decoration.widget({ widget: new HintWidget(answer), side: 1 }).range(Math.min(from + column, to));
    });
  return Decoration.set(ranges, true);
}

class HintWidget extends WidgetType {
  constructor(private readonly hint: InlayHint) {
    super();
  }

  override eq({ hint }: HintWidget): boolean {
    return this.hint.label === hint.label && this.hint.tooltip === hint.tooltip;
  }

  toDOM(): HTMLElement {
    const element = document.createElement('span');
    element.className = 'jp-ModelLoupe-hint';
    element.textContent = this.hint.label;
    element.title = this.hint.tooltip ?? '';
    // Read aloud it would be a part of the code; the line of lenses says the same, apart from it.
    element.setAttribute('aria-hidden', 'true');
    return element;
  }
}
