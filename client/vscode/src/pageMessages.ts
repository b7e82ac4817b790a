/** What a page in a web view and the extension say to each other: the page asks, the extension answers. */
import type { Progress } from '@model-loupe/core';

/** From the page. */
export type PageRequest<Question> =
  | { readonly id: number; readonly question: Question }
  /** Nobody waits for this answer any more. */
  | { readonly id: number; readonly cancel: true };

/** To the page; an answer or an error is the last message of an id. */
export type PageResponse =
  | { readonly id: number; readonly partial: unknown }
  | { readonly id: number; readonly progress: Progress }
  | { readonly id: number; readonly answer: unknown }
  | { readonly id: number; readonly error: string };
