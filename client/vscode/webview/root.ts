/** The element that a page of ours is drawn in, and what the extension says there. */
import { translateBy } from '@model-loupe/core';

/** An element that has to be there. */
export function element(inside: ParentNode, selector: string): HTMLElement {
  const found = inside.querySelector<HTMLElement>(selector);
  if (!found) {
    throw new Error(`the page has no ${selector}`);
  }
  return found;
}

/** The page's element and its subject; from now on messages are in the editor's language. */
export function openRoot(): { readonly root: HTMLElement; readonly subject: unknown } {
  const root = element(document, '#page');
  const words = JSON.parse(root.dataset.words ?? '{}') as Partial<Record<string, string>>;
  translateBy((message) => words[message] ?? message);
  return { root, subject: JSON.parse(root.dataset.subject ?? '{}') };
}
