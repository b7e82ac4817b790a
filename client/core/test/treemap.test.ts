import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { Area } from '../src/index.js';
import { layout } from '../src/treemap/layout.js';
import { follow } from '../src/treemap/path.js';
import { areaText, dtypesOf } from '../src/treemap/words.js';

function area(path: string, bytes: number, dtype = 'bfloat16', children: Area[] = []): Area {
  return { name: path, path, bytes, elements: bytes / 2, copies: 1, dtype, children };
}

const MODEL = area('model', 100, '', [
  area('layers', 80, 'float8', [area('mlp', 60, 'float8'), area('norm', 20)]),
  area('embed', 20),
]);

test('areas of the drawing are as large as their bytes, but for the modules\' titles', () => {
  const boxes = new Map(layout(MODEL, 1000, 500).map((box) => [box.area.path, box]));
  const size = (path: string): number => {
    const box = boxes.get(path);
    assert(box);
    return box.width * box.height;
  };
  assert.ok(Math.abs(size('layers') / size('embed') - 4) < 0.1);
  assert.ok(Math.abs(size('mlp') / size('norm') - 3) < 0.1);
  assert.equal(boxes.get('layers')?.divided, true);
  assert.equal(boxes.get('embed')?.divided, false);
});

test('what is too small to be seen is not drawn', () => {
  const model = area('model', 1_000_001, '', [area('large', 1_000_000), area('small', 1)]);
  assert.deepEqual(layout(model, 100, 100).map(({ area: { path } }) => path), ['large']);
});

test('dtypes come by their bytes, and an area is told in words', () => {
  assert.deepEqual(dtypesOf(MODEL), ['float8', 'bfloat16']);
  assert.equal(areaText(area('embed', 20), MODEL), 'embed: 20 B, 20.0 %, 10 elements, bfloat16');
});

test('modules that are open stay open in newer sizes, as far as they are there', () => {
  const [layers, embed] = MODEL.children;
  assert(layers && embed);
  const way = [MODEL, layers, ...layers.children.slice(0, 1)];
  const grown = area('model', 200, '', [area('layers', 180, 'float8', [area('norm', 20)]), embed]);
  assert.deepEqual(follow(grown, way), [grown, grown.children[0]]);
  assert.deepEqual(follow(MODEL, way), way);
  assert.deepEqual(follow(embed, way), [embed]);
});
