/** What the language server is doing, or why it is not there. */
export type ServerState =
  | { readonly kind: 'untrusted' }
  | { readonly kind: 'starting' }
  | { readonly kind: 'ready'; readonly python: string; readonly version: string; readonly server: string }
  | { readonly kind: 'no-python'; readonly python: string | undefined; readonly reason: string }
  | { readonly kind: 'old-python'; readonly python: string; readonly version: string }
  | { readonly kind: 'no-server'; readonly python: string; readonly version: string; readonly reason: string }
  | { readonly kind: 'failed'; readonly reason: string };

/** One line for a person: what is wrong and what is needed; undefined while nothing is wrong. */
export function problem(state: ServerState): string | undefined {
  switch (state.kind) {
    case 'no-python':
      return state.python === undefined
        ? 'Python was not found. Model Loupe needs Python 3.11 or newer.'
        : `This Python does not run: ${state.python} (${state.reason})`;
    case 'old-python':
      return `Model Loupe needs Python 3.11 or newer; ${state.python} is ${state.version}.`;
    case 'no-server':
      return state.reason.startsWith('ModuleNotFoundError')
        ? `The package model-loupe is not installed in ${state.python} (Python ${state.version}).`
        : `The package model-loupe does not load in ${state.python}: ${state.reason}`;
    case 'failed':
      return `The language server does not run: ${state.reason}`;
    default:
      return undefined;
  }
}
