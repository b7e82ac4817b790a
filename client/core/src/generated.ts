/** Written by client/core/protocol_types.py from the server's types: change those. */
import type { Position } from './protocol.js';

export const MODELS = 'modelLoupe/models';
export const CHILDREN = 'modelLoupe/children';
export const PRINT_MODEL = 'modelLoupe/printModel';
export const SOURCE = 'modelLoupe/source';
export const COMPARE = 'modelLoupe/compare';
export const EXPORT = 'modelLoupe/export';
export const SIZES = 'modelLoupe/sizes';
export const VALUES = 'modelLoupe/values';
export const FILE = 'modelLoupe/file';
export const CAST_PREVIEW = 'modelLoupe/castPreview';
export const CAST_EDIT = 'modelLoupe/castEdit';
export const CAST_WRITE = 'modelLoupe/castWrite';
export const TENSOR_PATH = 'modelLoupe/tensorPath';
export const DID_CHANGE = 'modelLoupe/didChange';

/** Parameters of `modelLoupe/children`, `printModel`, `sizes` and `values`: the node meant. `query`: of a vocabulary's row the tokens that have it in their text, or as their id. `sort` is `order`, the model's own, or `size`: of most bytes first. */
export interface ChildrenParams {
  readonly node: string;
  readonly query?: string;
  readonly sort?: string;
}

/** Parameters of `modelLoupe/source` and `modelLoupe/file`: the URI of a file. Of `source` it is one that `textDocument/definition` gave. */
export interface SourceParams {
  readonly uri: string;
}

/** Parameters of `modelLoupe/compare`: rows of the two models. */
export interface CompareParams {
  readonly node: string;
  readonly other: string;
}

/** Parameters of `modelLoupe/export`: a model's row; `format`: `text`, `markdown` or `json`. */
export interface ExportParams {
  readonly node: string;
  readonly format: string;
}

/** Parameters of `modelLoupe/models`; `filter`: below each model is what has that text in its name. */
export interface ModelsParams {
  readonly filter?: string;
}

/** Parameters of `modelLoupe/castPreview`. `model` is a row's id or a name as in code; `dtypes` are targets (none: all), `scope` a module's path. `plan`: nothing is measured; `exact`: all is read; `tensors`: each is told apart; `spend`: a sample may be read from the Hub, as the answer to the same without it said. */
export interface CastPreviewParams {
  readonly model: string;
  readonly dtypes?: readonly string[];
  readonly scope?: string;
  readonly exact?: boolean;
  readonly plan?: boolean;
  readonly tensors?: boolean;
  readonly spend?: boolean;
  readonly partialResultToken?: number | string;
  readonly workDoneToken?: number | string;
}

/** Parameters of `modelLoupe/castEdit`: a place in the call or cast, and what to load instead. */
export interface CastEditParams {
  readonly uri: string;
  readonly position: Position;
  readonly dtype: string;
}

/** Parameters of `modelLoupe/castWrite`: a row's id or a name, a target, and a folder to be made. */
export interface CastWriteParams {
  readonly model: string;
  readonly dtype: string;
  readonly output: string;
  readonly workDoneToken?: number | string;
}

/** Parameters of `modelLoupe/tensorPath`: a row's id or a name, and a tensor as its files name it. */
export interface TensorPathParams {
  readonly model: string;
  readonly tensor: string;
}

/** A row as both editors show it; field names are those of the protocol (`modelLoupe/children`). */
export interface TreeNode {
  readonly id: string;
  readonly label: string;
  readonly description: string;
  readonly tooltip: string;
  readonly icon: string;
  readonly collapsible: boolean;
  readonly contextValue: string;
}

/** A module or tensor of `bytes`; `dtype` is a tensor's. Field names are those of the protocol. A module that is not divided further has the dtype of most of its bytes. `copies` equal modules are one area, as big as all of them. */
export interface Area {
  readonly name: string;
  readonly path: string;
  readonly bytes: number;
  readonly elements: number;
  readonly copies: number;
  readonly dtype: string;
  readonly children: readonly Area[];
}
