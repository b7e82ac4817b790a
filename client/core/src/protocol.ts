/** The custom part of the protocol between Model Loupe's language server and its clients. */

/** Requests, `modelLoupe/…`. */
export const MODELS = 'modelLoupe/models';
export const CHILDREN = 'modelLoupe/children';
export const PRINT_MODEL = 'modelLoupe/printModel';
export const SOURCE = 'modelLoupe/source';
/** Notification from the server: models may have changed, ask again. */
export const DID_CHANGE = 'modelLoupe/didChange';

/** One row of the model tree. */
export interface TreeNode {
  /** Says all that the server needs to find the node again; unique in the tree, opaque to clients. */
  readonly id: string;
  readonly label: string;
  readonly description: string;
  /** Markdown; text that comes from a model's files is escaped in it. */
  readonly tooltip: string;
  /** A kind of `NodeIcon`, or one that only a newer server knows. */
  readonly icon: string;
  readonly collapsible: boolean;
  readonly contextValue: string;
}

/** A position as LSP has it: lines from 0, characters in UTF-16 code units. */
export interface Position {
  readonly line: number;
  readonly character: number;
}

export interface Range {
  readonly start: Position;
  readonly end: Position;
}

/** A place in code that names a model. */
export interface ModelReference {
  /** A file, or an open notebook's cell. */
  readonly uri: string;
  readonly range: Range;
  /** Index of the cell (Markdown cells counted) when `uri` is a notebook that is not open. */
  readonly cell?: number;
}

/** The root of one model's tree, and where the workspace's code names that model. */
export interface ModelNode extends TreeNode {
  readonly model: string;
  readonly kind: string;
  readonly references: readonly ModelReference[];
}

/** Of `CHILDREN` and `PRINT_MODEL`: the id of a row. `query`: which tokens of a vocabulary are wanted. */
export interface NodeParams {
  readonly node: string;
  readonly query?: string;
}

/** What `print(model)` writes for the call behind a row; where that cannot be told, the text says why. */
export interface PrintedModel {
  readonly title: string;
  readonly text: string;
}

/** Of `SOURCE`: the URI of a file, as `textDocument/definition` gave it. */
export interface SourceParams {
  readonly uri: string;
}

export interface Source {
  readonly text: string;
}

/** What carries requests to the language server. */
export interface Transport {
  request<T>(method: string, params: unknown): Promise<T>;
}

/** How far work has come. */
export interface Progress {
  /** Of 100; undefined where it is not known. */
  readonly percentage?: number;
  readonly message?: string;
}

export interface StreamOptions<T> {
  /** Aborted when nobody waits for the answer any more. */
  readonly signal: AbortSignal;
  readonly onPartial: (value: T) => void;
  readonly onProgress: (progress: Progress) => void;
}

/** A transport that also carries what is known before the answer. */
export interface StreamingTransport extends Transport {
  stream<T>(method: string, params: object, options: StreamOptions<T>): Promise<T>;
}
