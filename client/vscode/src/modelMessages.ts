/** What the page of one model is about, and what it and the extension say to each other. */

/** A checkpoint file, or a model of the tree. */
export type ModelSubject =
  | { readonly file: string; readonly name: string }
  | { readonly node: string; readonly name: string };

/** A request to the language server. */
export interface ModelQuestion {
  readonly method: string;
  readonly params: object;
}

/** To the page, unasked: there may be other answers; or this very file was written, with other values if nothing else. */
export interface Notice {
  readonly notice: 'changed' | 'written';
}
