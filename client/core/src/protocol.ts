/** The custom part of the protocol between Model Loupe's language server and its clients. */
import type { TreeNode } from './generated.js';

export * from './generated.js';

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

export type Sort = 'order' | 'size';

export type ExportFormat = 'text' | 'markdown' | 'json';

/** The answer of `EXPORT`. */
export interface Exported {
  readonly text: string;
}

/** A checkpoint file by itself. */
export interface CheckpointFile {
  readonly node: TreeNode;
  readonly facts: readonly (readonly [label: string, value: string])[];
  /** What the file says of itself beside its tensors. */
  readonly metadata: Readonly<Record<string, string>>;
}

/** What `print(model)` writes for the call behind a row; where that cannot be told, the text says why. */
export interface PrintedModel {
  readonly title: string;
  readonly text: string;
}

export interface Source {
  readonly text: string;
}

/** What carries requests to the language server. */
export interface Transport {
  request<T>(method: string, params: object): Promise<T>;
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
