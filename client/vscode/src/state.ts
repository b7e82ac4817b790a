import { l10n } from 'vscode';

/** The server runs. `python` (of `version`) is the user's, whose libraries are asked; `runs` runs the server. */
export interface ReadyState {
  readonly kind: 'ready';
  readonly python: string;
  readonly version: string;
  readonly runs: string;
}

/** What the language server is doing, or why it is not there. */
export type ServerState =
  | ReadyState
  | { readonly kind: 'untrusted' }
  | { readonly kind: 'starting' }
  | { readonly kind: 'no-python' }
  | { readonly kind: 'broken-python'; readonly python: string; readonly reason: string }
  | { readonly kind: 'old-python'; readonly python: string; readonly version: string }
  | { readonly kind: 'failed'; readonly reason: string };

/** One line for a person: what is wrong and what is needed; undefined while nothing is wrong. */
export function problem(state: ServerState): string | undefined {
  switch (state.kind) {
    case 'no-python':
      return l10n.t('Python was not found. Model Loupe needs Python 3.11 or newer.');
    case 'broken-python':
      return l10n.t('This Python does not run: {0} ({1})', state.python, state.reason);
    case 'old-python':
      return l10n.t(
        'Model Loupe needs Python 3.11 or newer; {0} is {1}, and there is no newer one on the PATH.',
        state.python,
        state.version
      );
    case 'failed':
      return l10n.t('The language server does not run: {0}', state.reason);
    default:
      return undefined;
  }
}
