/** The messages between the language client and the server, in the log. */
import * as vscode from 'vscode';

/**
 * A view of the log that takes the language client's trace whenever the setting `modelLoupe.trace.server` asks
 * for it. By itself the client traces only into a log whose level is Trace, whatever the setting says.
 */
export class TraceLog implements vscode.Disposable {
  readonly channel: vscode.LogOutputChannel;
  private readonly levelChange = new vscode.EventEmitter<vscode.LogLevel>();
  private readonly subscriptions: vscode.Disposable;

  constructor(log: vscode.LogOutputChannel) {
    const level = (): vscode.LogLevel => (isAskedFor() ? vscode.LogLevel.Trace : log.logLevel);
    const tell = (): void => this.levelChange.fire(level());
    const write = (message: string): void => {
      // At the log's own level, so that the message is not dropped there.
      if (log.logLevel === vscode.LogLevel.Trace) {
        log.trace(message);
      } else {
        log.info(message);
      }
    };
    this.channel = Object.create(log, {
      logLevel: { get: level },
      onDidChangeLogLevel: { value: this.levelChange.event },
      trace: { value: write },
    }) as vscode.LogOutputChannel;
    this.subscriptions = vscode.Disposable.from(
      this.levelChange,
      log.onDidChangeLogLevel(tell),
      vscode.workspace.onDidChangeConfiguration((change) => {
        if (change.affectsConfiguration('modelLoupe.trace.server')) {
          tell();
        }
      })
    );
  }

  dispose(): void {
    this.subscriptions.dispose();
  }
}

function isAskedFor(): boolean {
  return vscode.workspace.getConfiguration('modelLoupe').get<string>('trace.server') !== 'off';
}
