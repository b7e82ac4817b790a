/**
 * The hover card, in notebook cells and in files.
 *
 * jupyterlab-lsp shows the hover of one server and wants Ctrl held for it. This shows ours as VS Code does:
 * when the mouse rests, whichever server JupyterLab chose for Python.
 */
import type { Extension } from '@codemirror/state';
import { closeHoverTooltips, hoverTooltip, type EditorView, type Tooltip, type TooltipView } from '@codemirror/view';
import type { Document, WidgetLSPAdapter } from '@jupyterlab/lsp';
import { MimeModel, type IRenderMimeRegistry } from '@jupyterlab/rendermime';
import type { Range } from '@model-loupe/core';
import { MessageLoop } from '@lumino/messaging';
import { Widget } from '@lumino/widgets';

import type { Diagnostics } from './diagnostics';
import { editorPlace, offsetOf, virtualPlace, type VirtualPlace } from './positions';
import type { LoupeServer } from './server';
import { plainText } from './text';

const REST_MS = 300;

/** The answer to `textDocument/hover`, as our server gives it. */
interface Hover {
  contents: { kind: 'markdown' | 'plaintext'; value: string };
  range?: Range;
}

/** What the hover needs besides the server. */
export interface HoverOptions {
  rendermime: IRenderMimeRegistry;
  /** jupyterlab-lsp shows the hover of the server that JupyterLab chose by itself now. */
  isShownElsewhere(): boolean;
  diagnostics: Diagnostics;
}

/** The editor whose card is open. */
let shown: EditorView | null = null;

/** Closes the card, for another one that comes in its place. */
export function closeCard(): void {
  shown?.dispatch({ effects: closeHoverTooltips });
}

/** The extension for one editor: a cell, or a file. */
export function hover(
  server: LoupeServer,
  adapter: WidgetLSPAdapter,
  editor: Document.IEditor,
  options: HoverOptions,
): Extension {
  const source = async (view: EditorView, offset: number): Promise<Tooltip | null> => {
    const messages = options.diagnostics.at(editor, offset).map((diagnostic) => diagnostic.message);
    const place = virtualPlace(adapter, editor, view, offset);
    const elsewhere = place && !server.isOursAlone(place.document) && options.isShownElsewhere();
    const answer = place && !elsewhere ? await ask(server, place) : null;
    // What a squiggle says, once is enough.
    const card = withoutRepetition(answer?.contents.value ?? '', messages);
    const problems = place && options.diagnostics.areOurs(place.document) ? messages : [];
    if (!card && problems.length === 0) {
      return null;
    }
    const [pos, end] = extent(place, answer?.range, editor, view, offset);
    return { pos, end, above: true, create: () => cardView(view, new CardWidget(options.rendermime, card, problems)) };
  };
  return hoverTooltip(source, { hoverTime: REST_MS, hideOnChange: true });
}

async function ask(server: LoupeServer, place: VirtualPlace): Promise<Hover | null> {
  if (server.state !== 'ready') {
    return null;
  }
  try {
    return await server.request<Hover | null>('textDocument/hover', {
      textDocument: { uri: server.uriOf(place.document) },
      position: place.position,
    });
  } catch (reason) {
    console.warn('Model Loupe: no hover.', reason);
    return null;
  }
}

/** From where to where the card belongs to, in the editor: the mouse may move there without closing it. */
function extent(
  place: VirtualPlace | null,
  range: Range | undefined,
  editor: Document.IEditor,
  view: EditorView,
  offset: number,
): [number, number] {
  if (place && range) {
    const [start, end] = [range.start, range.end].map((position) => {
      const found = editorPlace(place.document, position);
      return found?.editor === editor ? offsetOf(view, found.line, found.column) : null;
    });
    if (start != null && end != null && start <= offset && offset <= end) {
      return [start, end];
    }
  }
  const word = view.state.wordAt(offset);
  return word ? [word.from, word.to] : [offset, offset];
}

/** The card, or nothing if a message says the same. */
function withoutRepetition(card: string, messages: readonly string[]): string {
  const text = plainText(card).trim();
  return messages.some((message) => message.includes(text)) ? '' : card;
}

function cardView(view: EditorView, widget: Widget): TooltipView {
  // A key asks for something else, as Ctrl does for the card of jupyterlab-lsp; unless it copies what is selected here.
  const closeOnKey = (): void => {
    if (!widget.node.contains(document.getSelection()?.anchorNode ?? null)) {
      closeCard();
    }
  };
  return {
    dom: widget.node,
    mount: () => {
      shown = view;
      document.addEventListener('keydown', closeOnKey, true);
      MessageLoop.sendMessage(widget, Widget.Msg.AfterAttach);
    },
    destroy: () => {
      shown = null;
      document.removeEventListener('keydown', closeOnKey, true);
      // CodeMirror has taken the element out of the page: there is nothing left to detach.
      MessageLoop.sendMessage(widget, Widget.Msg.AfterDetach);
      widget.dispose();
    },
  };
}

/** A card: problems first, then the Markdown, rendered and sanitized as JupyterLab does untrusted output. */
class CardWidget extends Widget {
  constructor(rendermime: IRenderMimeRegistry, markdown: string, problems: readonly string[]) {
    super();
    this.addClass('jp-ModelLoupe-card');
    for (const problem of problems) {
      const line = document.createElement('p');
      line.className = 'jp-ModelLoupe-problem';
      line.textContent = problem;
      this.node.append(line);
    }
    if (markdown) {
      const model = new MimeModel({ data: { 'text/markdown': markdown }, trusted: false });
      const renderer = rendermime.createRenderer('text/markdown');
      this.node.append(renderer.node);
      void renderer.renderModel(model);
      this.disposed.connect(() => {
        renderer.dispose();
      });
    }
  }
}
