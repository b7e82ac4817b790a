/** The status bar item: what the server does, with which Python, and what to do if it does nothing. */
import * as vscode from 'vscode';

import type { LanguageServer } from './server';
import { problem, type ServerState } from './state';

/** Keeps the status bar item, and the context key that the view's welcome texts go by, in step with the server. */
export class StatusItem implements vscode.Disposable {
  private readonly item = vscode.window.createStatusBarItem('modelLoupe.status', vscode.StatusBarAlignment.Right, 90);
  private readonly subscriptions: vscode.Disposable;

  constructor(private readonly server: LanguageServer) {
    this.item.name = 'Model Loupe';
    this.item.command = 'modelLoupe.showMenu';
    this.subscriptions = vscode.Disposable.from(
      server.onDidChangeState(() => this.show()),
      server.work.onDidChange(() => this.show()),
      vscode.workspace.onDidChangeConfiguration((change) => {
        if (change.affectsConfiguration('modelLoupe.network')) {
          this.show();
        }
      })
    );
    this.show();
    this.item.show();
  }

  dispose(): void {
    this.subscriptions.dispose();
    this.item.dispose();
  }

  private show(): void {
    const { state, work } = this.server;
    void vscode.commands.executeCommand('setContext', 'modelLoupe.state', state.kind);
    const isWrong = problem(state) !== undefined;
    const words = statusText(state, work.isUnderWay);
    this.item.text = `$(${icon(state, work.isUnderWay)}) Model Loupe`;
    this.item.tooltip = words;
    this.item.backgroundColor = isWrong ? new vscode.ThemeColor('statusBarItem.warningBackground') : undefined;
    this.item.accessibilityInformation = { label: `Model Loupe: ${words}` };
  }
}

function icon({ kind }: ServerState, isWorking: boolean): string {
  switch (kind) {
    case 'starting':
      return 'loading~spin';
    case 'ready':
      return isWorking ? 'loading~spin' : isOffline() ? 'debug-disconnect' : 'search';
    case 'untrusted':
      return 'shield';
    default:
      return 'warning';
  }
}

/** What the server does, or what keeps it from that, as its user reads it. */
export function statusText(state: ServerState, isWorking = false): string {
  switch (state.kind) {
    case 'ready':
      return [
        vscode.l10n.t('with Python {0}: {1}', state.version, state.python),
        ...(state.runs === state.python ? [] : [vscode.l10n.t('the server runs under {0}', state.runs)]),
        ...offlineText(),
        ...(isWorking ? [vscode.l10n.t('working …')] : []),
      ].join(' · ');
    case 'untrusted':
      return vscode.l10n.t('Model Loupe starts once this workspace is trusted.');
    case 'starting':
      return vscode.l10n.t('Model Loupe is starting …');
    default:
      return problem(state) ?? '';
  }
}

/** Whether the server asks nothing of the Hub. */
function isOffline(): boolean {
  return isOfflineBySetting() || isOfflineByEnvironment();
}

export function isOfflineBySetting(): boolean {
  return vscode.workspace.getConfiguration('modelLoupe').get('network') === 'offline';
}

/** As huggingface_hub is told to, whatever the setting says. */
export function isOfflineByEnvironment(): boolean {
  return /^(1|on|yes|true)$/i.test(process.env.HF_HUB_OFFLINE ?? '');
}

function offlineText(): string[] {
  if (isOfflineByEnvironment()) {
    return [vscode.l10n.t('offline, as HF_HUB_OFFLINE is set: the Hub is not asked')];
  }
  return isOfflineBySetting() ? [vscode.l10n.t('offline: the Hub is not asked')] : [];
}
