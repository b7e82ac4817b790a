/** Writes a cast checkpoint: asks for the dtype and the folder, shows how far it is. */
import type { JupyterFrontEnd } from '@jupyterlab/application';
import { Dialog, Notification, showDialog, type ICommandPalette } from '@jupyterlab/apputils';
import {
  CAST_WRITE,
  castChoices,
  castFolder,
  formatBytes,
  t,
  type CastChoice,
  type CastWriteParams,
  type TreeNode,
  type WrittenCast,
} from '@model-loupe/core';
import { Widget } from '@lumino/widgets';

import { CATEGORY, CommandIDs, PRINTABLE_ROWS } from './commands';
import { orTell } from './failures';
import { ProgressNotification } from './progress';
import type { LoupeServer } from './server';

const SHOWN_MS = 5000;
const GO_TO_PATH = 'filebrowser:go-to-path';

/** What the user chose; the folder is on the Jupyter server, a relative one below its root. */
interface Choice {
  readonly dtype: string;
  readonly folder: string;
}

/** Adds the command to the palette and to the menu of the rows whose model can be cast; `chosen` is that row. */
export function addWriteCast(
  app: JupyterFrontEnd,
  palette: ICommandPalette | null,
  server: LoupeServer | null,
  chosen: () => TreeNode | undefined,
): void {
  app.commands.addCommand(CommandIDs.writeCast, {
    label: t('Write Cast Checkpoint …'),
    caption: t('Write the model’s checkpoint in another dtype, into a folder of its own'),
    isEnabled: () => server !== null && chosen() !== undefined,
    execute: async () => {
      const model = chosen();
      if (server && model) {
        await writeCast(app, server, model);
      }
    },
  });
  palette?.addItem({ command: CommandIDs.writeCast, category: CATEGORY });
  for (const selector of PRINTABLE_ROWS) {
    app.contextMenu.addItem({ command: CommandIDs.writeCast, selector, rank: 0 });
  }
}

function writeCast(app: JupyterFrontEnd, server: LoupeServer, model: TreeNode): Promise<void> {
  return orTell(async () => {
    const choice = await choose(model.label, await castChoices(server, model.id));
    if (choice) {
      await write(app, server, model, choice);
    }
  });
}

async function choose(model: string, choices: readonly CastChoice[]): Promise<Choice | null> {
  if (choices.length === 0) {
    throw new Error(t('{0} cannot be written in another dtype here.', model));
  }
  const { button, value } = await showDialog<Choice>({
    title: t('Write Cast Checkpoint'),
    body: new ChoiceForm(model, choices),
    buttons: [Dialog.cancelButton(), Dialog.okButton({ label: t('Write Checkpoint') })],
    focusNodeSelector: 'select',
  });
  if (!button.accept || value === null) {
    return null;
  }
  if (value.folder === '') {
    throw new Error(t('No folder was named: nothing was written.'));
  }
  return value;
}

/** A list of dtypes with their bytes, and a folder that is named after the dtype until it is typed in. */
class ChoiceForm extends Widget implements Dialog.IBodyWidget<Choice> {
  constructor(
    private readonly model: string,
    choices: readonly CastChoice[],
  ) {
    super();
    this.addClass('jp-ModelLoupe-form');
    for (const { dtype, size, title } of choices) {
      this.dtype.add(new Option([dtype, size, title].filter(Boolean).join(' · '), dtype));
    }
    this.folder.type = 'text';
    this.folder.addEventListener('input', () => (this.isTyped = true));
    this.dtype.addEventListener('change', () => this.nameFolder());
    this.nameFolder();
    this.node.append(
      labelled(t('Cast {0} to', model), this.dtype),
      labelled(t('New folder (a relative path begins at the one that Jupyter serves)'), this.folder),
    );
  }

  getValue(): Choice {
    return { dtype: this.dtype.value, folder: this.folder.value.trim() };
  }

  private nameFolder(): void {
    if (!this.isTyped) {
      this.folder.value = castFolder(this.model, this.dtype.value);
    }
  }

  private isTyped = false;
  private readonly dtype = document.createElement('select');
  private readonly folder = document.createElement('input');
}

function labelled(text: string, control: HTMLElement): HTMLElement {
  const label = document.createElement('label');
  label.append(text, control);
  return label;
}

async function write(
  app: JupyterFrontEnd,
  server: LoupeServer,
  model: TreeNode,
  { dtype, folder }: Choice,
): Promise<void> {
  const abort = new AbortController();
  const title = t('Casting {0} to {1}', model.label, dtype);
  const shown = new ProgressNotification(title, () => abort.abort());
  const params: CastWriteParams = { model: model.id, dtype, output: folder };
  try {
    const written = await server.stream<WrittenCast>(CAST_WRITE, params, {
      signal: abort.signal,
      onPartial: () => undefined,
      onProgress: (progress) => shown.report(progress),
    });
    tell(app, folder, written);
  } catch (reason) {
    if (!abort.signal.aborted) {
      throw reason;
    }
    Notification.info(t('{0} was cancelled: nothing was written.', title), { autoClose: SHOWN_MS });
  } finally {
    shown.dispose();
  }
}

function tell({ commands }: JupyterFrontEnd, folder: string, written: WrittenCast): void {
  const { path, bytes, verified, note } = written;
  const words = [path, formatBytes(bytes)] as const;
  const message = verified ? t('Written, and read back: {0} ({1}).', ...words) : t('Written: {0} ({1}).', ...words);
  const show = { label: t('Show in File Browser'), callback: () => void commands.execute(GO_TO_PATH, { path: folder }) };
  // JupyterLab's file browser goes no further than the folder that is served.
  const actions = commands.hasCommand(GO_TO_PATH) && !/^[/~]|^\w:|\.\./.test(folder) ? [show] : [];
  Notification.success(note ? `${message} ${note}` : message, { autoClose: false, actions });
}
