/** From a model in the panel to the places in code that name it. */
import type { JupyterFrontEnd } from '@jupyterlab/application';
import { InputDialog } from '@jupyterlab/apputils';
import { PageConfig, URLExt } from '@jupyterlab/coreutils';
import { t, type ModelNode, type ModelReference } from '@model-loupe/core';

import { editorPlace } from './positions';
import type { LoupeServer } from './server';

/** Goes to where a model is named; asks where to, if it is in several places. */
export async function revealInCode(app: JupyterFrontEnd, server: LoupeServer, model: ModelNode): Promise<void> {
  const place = await choosePlace(server, model);
  if (place) {
    await open(app, server, place);
  }
}

async function choosePlace(server: LoupeServer, { label, references }: ModelNode): Promise<ModelReference | undefined> {
  if (references.length <= 1) {
    return references[0];
  }
  // Numbered: one line of code may stand in two places.
  const items = references.map((reference, index) => `${index + 1}: ${placeText(server, reference)}`);
  const { value } = await InputDialog.getItem({ title: t('{0} places name {1}', items.length, label), items });
  return value === null ? undefined : references[items.indexOf(value)];
}

function placeText(server: LoupeServer, { uri, range, cell }: ModelReference): string {
  const line = range.start.line;
  const document = server.documentOf(uri);
  if (document) {
    // The lines of a notebook's cells are joined: none of its numbers says anything to its user.
    return `${document.path}: ${document.value.split('\n')[line]?.trim() ?? ''}`;
  }
  const path = pathOf(uri);
  return cell === undefined ? t('{0}, line {1}', path, line + 1) : t('{0}, cell {1}, line {2}', path, cell + 1, line + 1);
}

/** Opens a file; where it is open already, the place itself. */
async function open(app: JupyterFrontEnd, server: LoupeServer, { uri, range }: ModelReference): Promise<void> {
  const document = server.documentOf(uri);
  await app.commands.execute('docmanager:open', { path: document?.path ?? pathOf(uri) });
  const place = document && editorPlace(document, range.start);
  if (place) {
    const editor = await place.editor.reveal();
    const { line, column } = place;
    editor.setCursorPosition({ line, column });
    editor.revealPosition({ line, column });
    editor.focus();
  }
}

/** The path of a file below the folder that Jupyter serves, as JupyterLab has it. */
function pathOf(uri: string): string {
  const root = `${decodeURIComponent(PageConfig.getOption('rootUri')).replace(/\/$/, '')}/`;
  const file = decodeURIComponent(uri);
  return file.startsWith(root) ? file.slice(root.length) : URLExt.parse(uri).pathname;
}
