/** The status bar item: whether the server runs, with which Python, and what to do if not. */
import * as vscode from 'vscode';

import type { LanguageServer } from './server';
import { problem, type ServerState } from './state';

/** Keeps the status bar item, and the context key that the view's welcome texts go by, in step with the server. */
export class StatusItem implements vscode.Disposable {
  private readonly item = vscode.window.createStatusBarItem('modelLoupe.status', vscode.StatusBarAlignment.Right, 90);
  private readonly subscription: vscode.Disposable;

  constructor(server: LanguageServer) {
    this.item.name = 'Model Loupe';
    this.item.command = 'modelLoupe.showMenu';
    this.subscription = server.onDidChangeState((state) => this.show(state));
    this.show(server.state);
    this.item.show();
  }

  dispose(): void {
    this.subscription.dispose();
    this.item.dispose();
  }

  private show(state: ServerState): void {
    void vscode.commands.executeCommand('setContext', 'modelLoupe.state', state.kind);
    const wrong = problem(state);
    this.item.text = `$(${icon(state)}) Model Loupe`;
    this.item.tooltip = wrong ?? describe(state);
    this.item.backgroundColor = wrong ? new vscode.ThemeColor('statusBarItem.warningBackground') : undefined;
    this.item.accessibilityInformation = { label: `Model Loupe: ${wrong ?? describe(state)}` };
  }
}

function icon(state: ServerState): string {
  switch (state.kind) {
    case 'starting':
      return 'loading~spin';
    case 'ready':
      return 'search';
    case 'untrusted':
      return 'shield';
    default:
      return 'warning';
  }
}

/** One line about a server that nothing is wrong with. */
export function describe(state: ServerState): string {
  switch (state.kind) {
    case 'ready':
      return `Model Loupe ${state.server} with Python ${state.version}: ${state.python}`;
    case 'untrusted':
      return 'Model Loupe starts once this workspace is trusted.';
    default:
      return 'Model Loupe is starting …';
  }
}
