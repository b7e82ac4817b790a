/** What is said about casts: the preview of a cast, the edit that makes it, and the checkpoint written with it. */
import type { Position, Range } from '../protocol.js';

export {
  CAST_EDIT,
  CAST_PREVIEW,
  CAST_WRITE,
  TENSOR_PATH,
  type CastEditParams,
  type CastPreviewParams,
  type CastWriteParams,
  type TensorPathParams,
} from '../generated.js';
/** The client's command behind the lens `Preview casts`: its arguments are those of a `CastSubject`. */
export const PREVIEW_CASTS = 'modelLoupe.previewCasts';

/** The answer of `CAST_PREVIEW`, and each partial result of it: `model-loupe cast --json` and what editors need more. */
export interface CastPreview {
  readonly title: string;
  readonly stored: { readonly dtype: string | null; readonly bytes: number };
  readonly scope: string | null;
  readonly exact: boolean;
  /** All figures are there. */
  readonly complete: boolean;
  /** The dtype that the call loads as it stands, if it is known. */
  readonly current: string | null;
  /** Bytes that a sample of weights on the Hub would read, of those allowed; null where none is to be read. */
  readonly network: { readonly bytes: number; readonly budget: number } | null;
  /** What is wrong with the model's files. */
  readonly warnings: readonly { readonly code: string; readonly message: string }[];
  readonly targets: readonly CastTarget[];
}

/** One format that the weights could be cast to. */
export interface CastTarget {
  readonly dtype: string;
  readonly title: string;
  readonly bytes: number;
  readonly bits_per_parameter: number;
  readonly library: string;
  readonly hardware: string;
  readonly kept: readonly KeptModule[];
  readonly modules: readonly ModuleBytes[];
  readonly kv_cache: {
    readonly dtype: string;
    readonly bytes_per_token: number;
    readonly bytes_per_token_before: number;
  } | null;
  /** For each size of memory that the user named, whether the model fits beside its cache. */
  readonly fits?: readonly Fit[];
  readonly numerics?: Numerics | null;
  readonly worst?: readonly WorstTensor[];
  readonly unmeasured?: { readonly code: string; readonly message: string } | null;
  /** Whether the user's own libraries and machine run it, and if not, why. */
  readonly runs_here?: { readonly ok: boolean; readonly why: string | null };
  /** An edit of the call exists; if not, why. */
  readonly apply?: boolean;
  readonly apply_reason?: string | null;
  /** A checkpoint of it can be written here. */
  readonly writable?: boolean;
}

/** A module that keeps a dtype of its own. */
export interface KeptModule {
  readonly path: string;
  readonly dtype: string;
  readonly reason: string;
  readonly tensors: number;
  readonly bytes: number;
}

export interface ModuleBytes {
  readonly path: string;
  readonly bytes_before: number;
  readonly bytes: number;
}

export interface Fit {
  readonly device: string;
  /** Tokens of the cache that is counted in. */
  readonly context: number;
  readonly bytes: number;
  readonly fits: boolean;
}

/** Figures over elements that are finite before the cast; null where they are not known, as rare ones of a sample. */
export interface Numerics {
  readonly mode: 'exact' | 'sampled';
  readonly elements: number;
  readonly sampled?: number;
  readonly read_bytes: number;
  readonly nan_in: number | null;
  readonly inf_in: number | null;
  readonly to_inf: number | null;
  readonly saturated: number | null;
  readonly to_zero: number | null;
  readonly to_subnormal: number | null;
  readonly changed: number | null;
  readonly max_abs_error: number | null;
  readonly max_rel_error: number | null;
  readonly mse: number | null;
  readonly cosine: number | null;
  /** Null of a cast that changes nothing. */
  readonly snr_db: number | null;
  readonly interval?: { readonly snr_db: readonly [number, number] | null } | null;
  /** Elements by their binary exponent, zero left out. */
  readonly exponents: { readonly before: ExponentCounts; readonly after: ExponentCounts };
}

export type ExponentCounts = readonly (readonly [exponent: number, count: number])[];

export interface WorstTensor {
  readonly name: string;
  readonly snr_db: number | null;
  readonly to_inf: number | null;
  readonly max_abs_error: number | null;
}

/** A place in code: the call that loads the model, or a cast of what it gave. */
export interface CodePlace {
  readonly uri: string;
  readonly position: Position;
}

/** What one page is about. */
export interface CastSubject {
  /** The id of a tree row, or a model's name as code has it. */
  readonly model: string;
  /** The call that loads the model, or a cast of it; undefined where the page was not opened from code. */
  readonly place?: CodePlace;
}

export interface TextEdit {
  readonly range: Range;
  readonly newText: string;
}

/** The two forms in which LSP has the edits of documents; files are never made or removed here. */
export interface WorkspaceEdit {
  readonly changes?: Readonly<Record<string, readonly TextEdit[]>>;
  readonly documentChanges?: readonly {
    readonly textDocument: { readonly uri: string };
    readonly edits: readonly TextEdit[];
  }[];
}

export interface CastEdit {
  readonly title: string;
  readonly edit: WorkspaceEdit;
  /** The lines that change, for the user to see before they do. */
  readonly lines: readonly { readonly uri: string; readonly before: string; readonly after: string }[];
}

export interface WrittenFile {
  readonly name: string;
  readonly bytes: number;
}

export interface WrittenCast {
  readonly path: string;
  readonly dtype: string;
  readonly bytes: number;
  readonly tensors: number;
  readonly files: readonly WrittenFile[];
  /** It was read back and is what was meant. */
  readonly verified: boolean;
  /** Finite values that became infinite, and those that became the largest value of the dtype. */
  readonly to_inf: number;
  readonly saturated: number;
  /** Files of the model that it does not have. */
  readonly left_out: readonly string[];
  /** What its user should know of it, if there is anything. */
  readonly note?: string | null;
}
