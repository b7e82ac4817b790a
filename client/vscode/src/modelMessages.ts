/** What the page of one model and the extension say to each other; the page asks, the extension answers. */

/** What the page is about: a checkpoint file, or a model of the tree. */
export type ModelSubject =
  | { readonly file: string; readonly name: string }
  | { readonly node: string; readonly name: string };

/** A request to the language server. */
export interface ModelRequest {
  readonly id: number;
  readonly method: string;
  readonly params: unknown;
}

export type ModelResponse =
  | { readonly id: number; readonly answer: unknown }
  | { readonly id: number; readonly error: string }
  /** The file was written anew. */
  | { readonly changed: true };
