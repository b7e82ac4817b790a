/** The call that a preview page was opened from, and the edits of it. */
import type { Transport } from '../protocol.js';
import { CAST_EDIT, PREVIEW_CASTS, type CastEdit, type CastEditParams, type CodePlace } from './protocol.js';

/** The part of a code lens that is looked at here. */
interface Lens {
  readonly command?: { readonly command: string; readonly arguments?: readonly unknown[] };
}

/**
 * A call in code that may change under the page, not least by the page's own edits.
 *
 * Each loading call has a lens that tells its place, so the call stays the n-th of them while there are as many.
 */
export class EditedCall {
  private readonly first: Promise<{ readonly index: number; readonly count: number }>;

  constructor(
    private readonly transport: Transport,
    private readonly place: CodePlace,
  ) {
    this.first = this.places().then((places) => ({
      index: places.findIndex((each) => isSame(each, place)),
      count: places.length,
    }));
  }

  /** The edit that has the call load its model as a dtype, for the code as it is now. */
  async edit(dtype: string): Promise<CastEdit> {
    const params: CastEditParams = { ...(await this.now()), dtype };
    return this.transport.request(CAST_EDIT, params);
  }

  private async now(): Promise<CodePlace> {
    const { index, count } = await this.first;
    const places = await this.places();
    return (places.length === count ? places[index] : undefined) ?? this.place;
  }

  /** The calls of the document that have a lens; none where lenses are off. */
  private async places(): Promise<CodePlace[]> {
    const params = { textDocument: { uri: this.place.uri } };
    // Without lenses the call is taken to be where it was.
    const lenses = await this.transport.request<Lens[] | null>('textDocument/codeLens', params).catch(() => null);
    return (lenses ?? [])
      .filter(({ command }) => command?.command === PREVIEW_CASTS)
      .map(({ command }) => command?.arguments?.[1] as CodePlace);
  }
}

function isSame(one: CodePlace, other: CodePlace): boolean {
  return one.position.line === other.position.line && one.position.character === other.position.character;
}
