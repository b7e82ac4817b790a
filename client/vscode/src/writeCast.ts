/** Writes a cast checkpoint: asks for the dtype and the folder, shows how far it is. */
import {
  CAST_WRITE,
  castChoices,
  castFolder,
  formatBytes,
  type CastWriteParams,
  type TreeNode,
  type WrittenCast,
  messageOf,
} from '@model-loupe/core';
import * as vscode from 'vscode';

import type { LanguageServer } from './server';
import type { ModelsView } from './tree';

export async function writeCast(server: LanguageServer, view: ModelsView, row?: TreeNode): Promise<void> {
  const chosen = row ? (view.printable(row) ?? row) : await view.chooseModel(vscode.l10n.t('Which model to cast'));
  try {
    const dtype = chosen && (await chooseDtype(server, chosen.id));
    const output = dtype && (await chooseFolder(chosen.label, dtype));
    if (!output) {
      return;
    }
    const written = await write(server, { model: chosen.id, dtype, output: output.fsPath }, chosen.label);
    await tell(written);
  } catch (error) {
    void vscode.window.showErrorMessage(`Model Loupe: ${messageOf(error)}`);
  }
}

async function chooseDtype(server: LanguageServer, model: string): Promise<string | undefined> {
  const items = (await castChoices(server, model)).map(({ dtype, size, title }) => ({
    label: dtype,
    description: size,
    detail: title,
  }));
  const title = vscode.l10n.t('Write a checkpoint cast to');
  return (await vscode.window.showQuickPick(items, { title, matchOnDetail: true }))?.label;
}

/** A folder that is not there yet. */
function chooseFolder(model: string, dtype: string): Thenable<vscode.Uri | undefined> {
  const name = castFolder(model, dtype);
  const folder = vscode.workspace.workspaceFolders?.[0]?.uri;
  return vscode.window.showSaveDialog({
    title: vscode.l10n.t('Folder of the new checkpoint'),
    saveLabel: vscode.l10n.t('Write Checkpoint'),
    ...(folder ? { defaultUri: vscode.Uri.joinPath(folder, name) } : {}),
  });
}

function write(server: LanguageServer, params: CastWriteParams, model: string): Thenable<WrittenCast> {
  const title = vscode.l10n.t('Casting {0} to {1}', model, params.dtype);
  const options = { location: vscode.ProgressLocation.Notification, title, cancellable: true };
  return vscode.window.withProgress(options, (progress, cancellation) => {
    const abort = new AbortController();
    cancellation.onCancellationRequested(() => abort.abort());
    let shown = 0;
    return server.stream<WrittenCast>(CAST_WRITE, params, {
      signal: abort.signal,
      onPartial: () => undefined,
      onProgress: ({ percentage = 0, message = '' }) => {
        progress.report({ message, increment: percentage - shown });
        shown = percentage;
      },
    });
  });
}

async function tell({ path, bytes, verified, note }: WrittenCast): Promise<void> {
  const done = verified
    ? vscode.l10n.t('Written, and read back: {0} ({1}).', path, formatBytes(bytes))
    : vscode.l10n.t('Written: {0} ({1}).', path, formatBytes(bytes));
  const message = note ? `${done} ${note}` : done;
  const open = vscode.l10n.t('Show in Explorer');
  if ((await vscode.window.showInformationMessage(message, open)) === open) {
    await vscode.commands.executeCommand('revealInExplorer', vscode.Uri.file(path));
  }
}
