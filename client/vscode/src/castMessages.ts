/** What the page of cast previews asks of the extension. */
import type { CastEdit, CastPreviewParams } from '@model-loupe/core';

export type CastQuestion =
  | { readonly kind: 'preview'; readonly params: CastPreviewParams }
  | { readonly kind: 'edit'; readonly dtype: string }
  | { readonly kind: 'apply'; readonly edit: CastEdit }
  | { readonly kind: 'reveal'; readonly tensor: string };
