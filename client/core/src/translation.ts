/** What a person reads on the pages, in the language of the editor around them. */

/** The message in the user's language; itself where it has no translation. */
export type LookUp = (message: string) => string;

let lookUp: LookUp = (message) => message;

/** How messages are translated from now on; what is drawn already stays as it is. */
export function translateBy(how: LookUp): void {
  lookUp = how;
}

/**
 * A message in the user's language, with `{0}`, `{1}` … for the words that follow.
 *
 * Its English is what it is looked up by: write it as one literal, which the bundle of strings is made of.
 */
export function t(message: string, ...words: readonly (string | number)[]): string {
  return lookUp(message).replace(/\{(\d+)\}/g, (whole, index: string) => String(words[Number(index)] ?? whole));
}
