/** The custom part of the protocol between Model Loupe's language server and its clients. */

/** Requests, `modelLoupe/…`. */
export const MODELS = 'modelLoupe/models';
export const CHILDREN = 'modelLoupe/children';
export const PRINT_MODEL = 'modelLoupe/printModel';
export const SOURCE = 'modelLoupe/source';
export const COMPARE = 'modelLoupe/compare';
export const EXPORT = 'modelLoupe/export';
export const SIZES = 'modelLoupe/sizes';
export const FILE = 'modelLoupe/file';
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

/** Of `MODELS`. */
export interface ModelsParams {
  /** Below each model is what has this text in its name. */
  readonly filter?: string;
}

/** Of `CHILDREN`, `PRINT_MODEL` and `SIZES`: the id of a row. */
export interface NodeParams {
  readonly node: string;
  /** Of `CHILDREN`: which tokens of a vocabulary are wanted. */
  readonly query?: string;
  /** Of `CHILDREN`: modules, tensors and files of most bytes first, not in the model's order. */
  readonly sort?: Sort;
}

export type Sort = 'order' | 'size';

/** Of `COMPARE`: rows of two models. Answered by a `PrintedModel` whose text is Markdown. */
export interface CompareParams {
  readonly node: string;
  readonly other: string;
}

export type ExportFormat = 'text' | 'markdown' | 'json';

/** Of `EXPORT`: a row of a model. */
export interface ExportParams {
  readonly node: string;
  readonly format: ExportFormat;
}

export interface Exported {
  readonly text: string;
}

/** A module or tensor as an area of a treemap; `copies` equal modules are one area, as big as all of them. */
export interface Area {
  readonly name: string;
  readonly path: string;
  readonly bytes: number;
  readonly elements: number;
  readonly copies: number;
  /** A tensor's; of a module that is not divided further that of most of its bytes. */
  readonly dtype: string;
  readonly children: readonly Area[];
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

/** Of `SOURCE` and `FILE`: the URI of a file; of `SOURCE` as `textDocument/definition` gave it. */
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
