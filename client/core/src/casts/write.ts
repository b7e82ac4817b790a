/** What has to be chosen before a cast checkpoint is written. */
import { formatBytes } from '../format.js';
import type { Transport } from '../protocol.js';
import { CAST_PREVIEW, type CastPreview, type CastPreviewParams, type CastTarget } from './protocol.js';

/** A dtype that a checkpoint can be written in. */
export interface CastChoice {
  readonly dtype: string;
  /** Bytes of the weights in it, as text. */
  readonly size: string;
  /** Its name in words; empty where that is the dtype's. */
  readonly title: string;
}

/**
 * The dtypes that a model's checkpoint can be written in here, those first that need no more bytes than the one that
 * it is stored in; `model` is the id of its row.
 */
export async function castChoices(transport: Transport, model: string): Promise<readonly CastChoice[]> {
  const params: CastPreviewParams = { model, plan: true };
  const { stored, targets } = await transport.request<CastPreview>(CAST_PREVIEW, params);
  const grows = ({ dtype, bytes }: CastTarget): boolean => dtype === stored.dtype || bytes > stored.bytes;
  return targets
    .filter(({ writable }) => writable)
    .sort((a, b) => Number(grows(a)) - Number(grows(b)))
    .map(({ dtype, title, bytes }) => ({ dtype, size: formatBytes(bytes), title: title === dtype ? '' : title }));
}

/** The name of a folder for a model in another dtype: `google/gemma-2b-it` → `gemma-2b-it-float16`. */
export function castFolder(model: string, dtype: string): string {
  return `${model.replace(/^.*[\\/]/, '')}-${dtype}`;
}
