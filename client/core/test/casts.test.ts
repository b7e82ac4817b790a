import assert from 'node:assert/strict';
import { test } from 'node:test';

import {
  CAST_EDIT,
  CastSession,
  EditedCall,
  PREVIEW_CASTS,
  castChoices,
  castFolder,
  cellOf,
  columnsOf,
  formatBytes,
  formatShort,
  heightOf,
  histogramOf,
  histogramWords,
  powerOfTwo,
  requestFailure,
  sorted,
  t,
  translateBy,
  whyUnmeasured,
  type CastEdit,
  type CastHost,
  type CastPreview,
  type CastPreviewParams,
  type CastTarget,
  type CodePlace,
  type Numerics,
  type StreamOptions,
} from '../src/index.js';

const NUMERICS: Numerics = {
  mode: 'exact',
  elements: 1000,
  read_bytes: 2000,
  nan_in: 0,
  inf_in: 0,
  to_inf: 9,
  saturated: 0,
  to_zero: 3,
  to_subnormal: 20,
  changed: 39,
  max_abs_error: 2.98e-8,
  max_rel_error: 1,
  mse: 2.78e-20,
  cosine: 1,
  snr_db: 83.104,
  exponents: { before: [[-31, 1], [-4, 900], [2, 90], [16, 9]], after: [[-24, 4], [-4, 900], [2, 84]] },
};

function target(dtype: string, bytes: number, numerics: Partial<Numerics> | null = {}, more: Partial<CastTarget> = {}): CastTarget {
  return {
    dtype,
    title: dtype,
    bytes,
    bits_per_parameter: 16,
    library: 'torch',
    hardware: 'any',
    kept: [],
    modules: [],
    kv_cache: null,
    numerics: numerics && { ...NUMERICS, ...numerics },
    ...more,
  };
}

const EXACT_CAST = { snr_db: null, changed: 0, to_inf: 0, to_zero: 0, max_abs_error: 0 };
const TARGETS = [
  target('float32', 4000, EXACT_CAST),
  target('float16', 2000, {}, { apply: true }),
  target('int8', 1100, null, { unmeasured: { code: 'needs-exact', message: 'only --exact can tell' } }),
  target('nf4', 600, { snr_db: 19.5, to_inf: 0 }),
];

function preview(changes: Partial<CastPreview> = {}): CastPreview {
  return {
    title: 'small-gemma',
    stored: { dtype: 'bfloat16', bytes: 2000 },
    scope: null,
    exact: false,
    complete: true,
    current: 'bfloat16',
    network: null,
    warnings: [],
    targets: TARGETS,
    ...changes,
  };
}

/** An editor whose server answers when the test says so. */
class Editor implements CastHost {
  readonly asked: CastPreviewParams[] = [];
  readonly applied: CastEdit[] = [];
  readonly signals: AbortSignal[] = [];
  partial: (value: CastPreview) => void = () => undefined;
  answer: (value: CastPreview) => void = () => undefined;
  fail: (reason: Error) => void = () => undefined;
  edit: CastHost['edit'] = (dtype) => Promise.resolve({ title: `Load as ${dtype}`, edit: {}, lines: [] });

  preview(params: CastPreviewParams, { signal, onPartial }: StreamOptions<CastPreview>): Promise<CastPreview> {
    this.asked.push(params);
    this.signals.push(signal);
    this.partial = onPartial;
    return new Promise((resolve, reject) => {
      this.answer = resolve;
      this.fail = reject;
    });
  }

  apply(edit: CastEdit): Promise<void> {
    this.applied.push(edit);
    return Promise.resolve();
  }

  reveal(): Promise<void> {
    return Promise.reject(new Error('The code no longer names this model.'));
  }
}

function session(editor: Editor): CastSession {
  return new CastSession(editor, 'node', () => undefined);
}

test('figures are written as people read them', () => {
  assert.equal(formatBytes(1023), '1023 B');
  assert.equal(formatBytes(5_012_344_832), '4.67 GiB');
  assert.equal(formatBytes(1024 ** 2 - 1), '1.00 MiB');
  // In the middle between two: to the even one, as the server writes them.
  assert.equal(formatBytes(427_136), '417.12 KiB');
  assert.equal(formatBytes(427_392), '417.38 KiB');
  assert.deepEqual([0, 0.00232, 38.94, 8190, 2.98e-8, 89700].map(formatShort), ['0', '0.00232', '38.9', '8190', '2.98e-8', '8.97e+4']);
  assert.equal(powerOfTwo(-24), '2⁻²⁴');
});

test('why nothing is measured is told once where it is the same for all', () => {
  const unmeasured = { code: 'torch-missing', message: 'torch is not installed in `python`' };
  assert.equal(whyUnmeasured(TARGETS.map((each) => ({ ...each, unmeasured }))), unmeasured.message);
  assert.equal(whyUnmeasured(TARGETS), null);
  assert.equal(whyUnmeasured([]), null);
});

test('a cell tells the figure, and what is not known says why', () => {
  const [float32, float16, int8] = TARGETS as [CastTarget, CastTarget, CastTarget];
  assert.deepEqual(cellOf(float32, 'snr'), { text: 'exact', tone: 'good' });
  assert.deepEqual(cellOf(float16, 'snr'), { text: '83.10' });
  assert.deepEqual(cellOf(float16, 'to_inf'), { text: '9', tone: 'bad' });
  assert.deepEqual(cellOf(float16, 'changed'), { text: '3.9 %' });
  assert.equal(cellOf(int8, 'snr').note, 'only --exact can tell');
});

test('of a sample, estimates are marked and rare values are not told', () => {
  const sample = { mode: 'sampled', sampled: 100, to_inf: null, interval: { snr_db: [82, 85] } } as const;
  const sampled = target('float16', 2000, sample);
  assert.equal(cellOf(sampled, 'snr').text, '83.10 ± 1.50');
  assert.equal(cellOf(sampled, 'to_zero').text, '≈ 3');
  assert.equal(cellOf(sampled, 'changed').text, '≈ 3.9 %');
  assert.equal(cellOf(sampled, 'to_inf').text, '–');
  assert.match(cellOf(sampled, 'to_inf').note ?? '', /measure every value/);
  // A tensor that is read whole is no estimate.
  assert.equal(cellOf(target('float16', 2000, { ...sample, sampled: 1000 }), 'to_zero').text, '3');
});

test('targets are sorted by a column; without a figure they come last', () => {
  const order = (column: Parameters<typeof cellOf>[1], descending: boolean): string[] =>
    sorted(TARGETS, { column, descending }).map(({ dtype }) => dtype);
  assert.deepEqual(order('bytes', false), ['nf4', 'int8', 'float16', 'float32']);
  // An exact cast has no noise: the best of all.
  assert.deepEqual(order('snr', true), ['float32', 'float16', 'nf4', 'int8']);
  assert.deepEqual(order('snr', false), ['nf4', 'float16', 'float32', 'int8']);
  assert.equal(sorted(TARGETS, null), TARGETS);
});

test('the column of memory sizes is there when the user named some', () => {
  assert(!columnsOf(TARGETS).some(({ key }) => key === 'fits'));
  const fits = [
    { device: '8 GiB', context: 1024, bytes: 9, fits: false },
    { device: '24 GiB', context: 1024, bytes: 9, fits: true },
  ];
  const large = target('float16', 2000, {}, { fits });
  assert(columnsOf([large]).some(({ key }) => key === 'fits'));
  assert.equal(cellOf(large, 'fits').text, '24 GiB');
  assert.equal(cellOf(large, 'fits').note, '8 GiB: no, 24 GiB: yes');
});

test('the histogram has every exponent, rare ones are seen, and its words say what is lost', () => {
  const histogram = histogramOf(NUMERICS);
  assert(histogram);
  assert.equal(histogram.bars.length, 16 + 31 + 1);
  assert.deepEqual(histogram.bars.at(-1), { exponent: 16, before: 9, after: 0 });
  assert.equal(
    histogram.text,
    'Before: 2⁻³¹ to 2¹⁶, most at 2⁻⁴. After: 2⁻²⁴ to 2², most at 2⁻⁴. 9 become infinite, 3 become zero.'
  );
  assert(heightOf(1, histogram.largest) > 0.05);
  assert.equal(heightOf(900, 900), 1);
  assert.match(histogramOf(NUMERICS, histogramWords('float16'))?.text ?? '', /^Stored: .* As float16: /);
  assert.equal(histogramOf({ ...NUMERICS, exponents: { before: [], after: [] } }), null);
});

test('what is known is shown as it comes', async () => {
  const editor = new Editor();
  const page = session(editor);
  const sampling = page.sample();
  assert.equal(page.state.running, 'sample');
  const partial = preview({ complete: false });
  editor.partial(partial);
  assert.equal(page.state.preview, partial);
  const whole = preview();
  editor.answer(whole);
  await sampling;
  assert.equal(page.state.running, null);
  assert.equal(page.state.preview, whole);
  assert.deepEqual(editor.asked, [{ model: 'node' }]);
});

test('cancelling keeps what was measured, and late words are not shown', async () => {
  const editor = new Editor();
  const page = session(editor);
  const measuring = page.measure();
  editor.partial(preview({ exact: true, complete: false }));
  page.cancel();
  assert(editor.signals[0]?.aborted);
  assert.equal(page.state.running, null);
  editor.partial(preview({ title: 'late' }));
  editor.fail(new Error('RequestCancelled'));
  await measuring;
  assert.equal(page.state.preview?.title, 'small-gemma');
  assert.equal(page.state.error, null);
  assert.match(page.state.done ?? '', /Cancelled/);
});

test('cancelled before there was an answer, nothing is said to have been measured', async () => {
  const editor = new Editor();
  const page = session(editor);
  const sampling = page.sample();
  page.cancel();
  editor.fail(new Error('RequestCancelled'));
  await sampling;
  assert.equal(page.state.done, 'Cancelled.');
});

test('of a server that has ended the words are for a person, those of others stay', () => {
  const ended = Object.assign(new Error('Pending response rejected since connection got disposed'), { code: -32097 });
  assert.match(String(requestFailure(ended)), /^Error: The language server ended/);
  const other = Object.assign(new Error('no such row'), { code: -32602 });
  assert.equal(requestFailure(other), other);
});

test('another question takes the place of the one under way', async () => {
  const editor = new Editor();
  const page = session(editor);
  const first = page.sample();
  const failFirst = editor.fail;
  const second = page.narrow('model.layers.3');
  assert(editor.signals[0]?.aborted);
  failFirst(new Error('RequestCancelled'));
  await first;
  assert.equal(page.state.running, 'sample');
  editor.answer(preview({ scope: 'model.layers.3' }));
  await second;
  assert.deepEqual(editor.asked[1], { model: 'node', scope: 'model.layers.3' });
});

test('bytes of the Hub are spent when the user says so', async () => {
  const editor = new Editor();
  const page = session(editor);
  const spending = page.sampleFromHub();
  editor.answer(preview());
  await spending;
  assert.deepEqual(editor.asked, [{ model: 'node', spend: true }]);
});

test('messages are in the language of the editor, with their words in place', () => {
  const german: Partial<Record<string, string>> = { Size: 'Größe', '{0} bytes': 'Bytes: {0}' };
  translateBy((message) => german[message] ?? message);
  try {
    assert.deepEqual(columnsOf(TARGETS).map(({ label }) => label).slice(0, 3), ['To', 'Größe', 'Bits']);
    assert.equal(cellOf(target('float32', 4000), 'bytes').note, 'Bytes: 4,000');
  } finally {
    translateBy((message) => message);
  }
  assert.equal(t('{1} of {0}{2}', 'all', 0), '0 of all{2}');
});

test('a failure is one line, and what was known stays', async () => {
  const editor = new Editor();
  const page = session(editor);
  const sampling = page.sample();
  editor.partial(preview());
  editor.fail(new Error('a shard changed while it was read'));
  await sampling;
  assert.equal(page.state.error, 'a shard changed while it was read');
  assert.equal(page.state.preview?.title, 'small-gemma');
  await page.reveal('lm_head.weight');
  assert.equal(page.state.error, 'The code no longer names this model.');
});

test('an edit is shown before it is made', async () => {
  const editor = new Editor();
  const page = session(editor);
  const sampling = page.sample();
  editor.answer(preview());
  await sampling;
  await page.propose('float16');
  assert.equal(page.state.proposed?.edit.title, 'Load as float16');
  assert.deepEqual(editor.applied, []);
  await page.apply();
  assert.equal(editor.applied.length, 1);
  assert.equal(page.state.proposed, null);
  assert.match(page.state.done ?? '', /Load as float16/);
  // From now on that is what the call loads.
  assert.equal(page.state.preview?.current, 'float16');
});

test('only casts that code can ask for, in code that is known, can be applied', () => {
  const editor = new Editor();
  const [float32, float16] = TARGETS as [CastTarget, CastTarget];
  assert(session(editor).canApply(float16));
  assert(!session(editor).canApply(float32));
  editor.edit = undefined;
  assert(!session(editor).canApply(float16));
});

test('the same column again turns the order round', () => {
  const page = session(new Editor());
  page.sortBy('snr');
  assert.deepEqual(page.state.sorting, { column: 'snr', descending: true });
  page.sortBy('snr');
  assert.deepEqual(page.state.sorting, { column: 'snr', descending: false });
  page.sortBy('bytes');
  assert.deepEqual(page.state.sorting, { column: 'bytes', descending: false });
});

test('the call is found again when the code above it has moved it', async () => {
  const at = (line: number): CodePlace => ({ uri: 'file:///a.py', position: { line, character: 8 } });
  let lines = [5, 6];
  const edited: unknown[] = [];
  const request = <T>(method: string, params: unknown): Promise<T> => {
    if (method === CAST_EDIT) {
      edited.push((params as CodePlace).position.line);
    }
    const lenses = lines.flatMap((line) => [
      { command: { command: 'modelLoupe.showArchitecture', arguments: ['node'] } },
      { command: { command: PREVIEW_CASTS, arguments: ['node', at(line)] } },
    ]);
    return Promise.resolve(lenses as T);
  };
  const call = new EditedCall({ request }, at(6));
  await call.edit('float16');
  lines = [7, 8];
  await call.edit('float16');
  // Another call: which one is meant is no longer known, and the server says if none is there.
  lines = [7, 8, 9];
  await call.edit('float16');
  assert.deepEqual(edited, [6, 8, 6]);
});

test('dtypes to write a checkpoint in: first those that need no more bytes than the stored one', async () => {
  const writable = { writable: true };
  const targets = [
    target('float64', 8000, {}, writable),
    target('bfloat16', 2000, {}, writable),
    target('float16', 2000, {}, writable),
    target('nf4', 600),
    target('float8_e4m3fn', 1000, {}, { ...writable, title: 'FP8' }),
  ];
  const transport = { request: <T>() => Promise.resolve(preview({ targets }) as T) };
  assert.deepEqual(await castChoices(transport, './model'), [
    { dtype: 'float16', size: '1.95 KiB', title: '' },
    { dtype: 'float8_e4m3fn', size: '1000 B', title: 'FP8' },
    { dtype: 'float64', size: '7.81 KiB', title: '' },
    { dtype: 'bfloat16', size: '1.95 KiB', title: '' },
  ]);
});

test('a cast checkpoint\'s folder has the model\'s last name', () => {
  assert.equal(castFolder('google/gemma-2b-it', 'float16'), 'gemma-2b-it-float16');
  assert.equal(castFolder('./small-gemma', 'float32'), 'small-gemma-float32');
});
