/** The server's code actions at the cursor, quick fixes among them, as a menu. */
import { CommandRegistry } from '@lumino/commands';
import { Menu } from '@lumino/widgets';
import { t, type Range, type WorkspaceEdit } from '@model-loupe/core';

import { runCommand } from './client-commands';
import type { Diagnostics } from './diagnostics';
import type { EditorViews } from './editors';
import type { Edits } from './edits';
import { orTell } from './failures';
import { virtualPlace } from './positions';
import type { LoupeServer } from './server';

/** As the server answers `textDocument/codeAction`; an edit that is slow to make comes with `codeAction/resolve`. */
interface CodeAction {
  readonly title: string;
  readonly edit?: WorkspaceEdit;
  readonly command?: { readonly command: string; readonly arguments?: readonly unknown[] };
}

export class CodeActions {
  constructor(
    private readonly server: LoupeServer,
    private readonly views: EditorViews,
    private readonly diagnostics: Diagnostics,
    private readonly edits: Edits,
    private readonly commands: CommandRegistry,
  ) {}

  /** Opens the menu below the cursor of the editor that has the focus, or had it last. */
  async open(): Promise<void> {
    const { focused } = this.views;
    if (!focused || this.server.state !== 'ready') {
      return;
    }
    const { adapter, editor, view } = focused;
    const { head } = view.state.selection.main;
    const place = virtualPlace(adapter, editor, view, head);
    if (!place) {
      return;
    }
    const range: Range = { start: place.position, end: place.position };
    const actions = await this.server.request<readonly CodeAction[] | null>('textDocument/codeAction', {
      textDocument: { uri: this.server.uriOf(place.document) },
      range,
      context: { diagnostics: this.diagnostics.at(editor, head) },
    });
    const corner = view.coordsAtPos(head);
    this.menu(actions ?? []).open(corner?.left ?? 0, corner?.bottom ?? 0);
  }

  private menu(actions: readonly CodeAction[]): Menu {
    const commands = new CommandRegistry();
    const menu = new Menu({ commands });
    if (actions.length === 0) {
      commands.addCommand('none', { label: t('Nothing to Fix Here'), isEnabled: () => false, execute: () => undefined });
      menu.addItem({ command: 'none' });
    }
    actions.forEach((action, index) => {
      const command = String(index);
      commands.addCommand(command, { label: action.title, execute: () => orTell(() => this.run(action)) });
      menu.addItem({ command });
    });
    // A menu is closed before its command runs.
    menu.aboutToClose.connect(() => setTimeout(() => menu.dispose(), 0));
    return menu;
  }

  private async run(action: CodeAction): Promise<void> {
    const whole =
      action.edit || action.command ? action : await this.server.request<CodeAction>('codeAction/resolve', action);
    if (whole.edit) {
      await this.edits.apply(whole.edit);
    }
    if (whole.command) {
      await runCommand(this.commands, this.server, whole.command.command, whole.command.arguments ?? []);
    }
  }
}
