import { test } from 'node:test';

import { photograph } from './browser.mjs';

/**
 * Makes the parts of a test that share one editor, which `opened` gives once it is there. Of a part that fails a
 * picture of the page, named after `editor`, and the end of the log tell what went wrong.
 */
export function steps(editor, opened) {
  return (name, body) =>
    test(name, async () => {
      try {
        await body();
      } catch (error) {
        const { page, log } = opened();
        await photograph(page, `failed ${editor} ${name.replace(/\W+/g, '-')}`);
        if (log) {
          console.error(log().slice(-4000));
        }
        throw error;
      }
    });
}
