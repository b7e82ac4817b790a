import assert from 'node:assert/strict';
import { test } from 'node:test';

import { literalMarkdown } from '../src/index.js';

test('what could be markup, a link, HTML or an entity is shown as it is', () => {
  assert.equal(literalMarkdown('no such folder: ./*a*'), 'no such folder\\: \\.\\/\\*a\\*');
  assert.equal(literalMarkdown('[a](b) <i> &lt; `c`'), '\\[a\\]\\(b\\) \\<i\\> \\&lt\\; \\`c\\`');
  assert.equal(literalMarkdown('# a\n    b'), '\\# a b');
});
