/** What the page of cast previews and the extension say to each other; the page asks, the extension answers. */
import type { CastEdit, CastPreviewParams, Progress } from '@model-loupe/core';

export type CastQuestion =
  | { readonly kind: 'preview'; readonly params: CastPreviewParams }
  | { readonly kind: 'edit'; readonly dtype: string }
  | { readonly kind: 'apply'; readonly edit: CastEdit }
  | { readonly kind: 'reveal'; readonly path: readonly string[] };

/** From the page. */
export type CastRequest =
  | { readonly id: number; readonly question: CastQuestion }
  /** Nobody waits for this answer any more. */
  | { readonly id: number; readonly cancel: true };

/** To the page; an answer is the last message of an id. */
export type CastResponse =
  | { readonly id: number; readonly partial: unknown }
  | { readonly id: number; readonly progress: Progress }
  | { readonly id: number; readonly answer: unknown }
  | { readonly id: number; readonly error: string };
