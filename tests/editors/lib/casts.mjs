// The page of cast previews: the same in both editors, so both ask the same of it.
import assert from 'node:assert/strict';

import { until } from './processes.mjs';

/** The first figures wait for torch to be imported, on a machine that may be busy. */
const MEASURED_SECONDS = 180;

const target = (page, dtype) => page.locator(`.loupe-targets tr[data-dtype="${dtype}"]`);

/** Text of a row's cells, without the button to apply. */
async function cells(page, dtype) {
  return (await target(page, dtype).locator('th, td').allInnerTexts()).map((text) => text.trim());
}

/** Whether no scrolling sideways is needed to see it. */
function isInSight(locator) {
  return locator.evaluate((element) => {
    const right = (each) => each.getBoundingClientRect().right;
    return right(element) <= right(element.closest('.loupe-scroll')) + 1;
  });
}

/** What the call loads is marked; a sample's figures come by themselves, the exact ones when they are asked for. */
export async function assertMeasures(page, loads) {
  await target(page, loads).getByText('loaded now').waitFor();
  // However narrow the page is beside the code.
  assert.ok(await isInSight(page.locator('.loupe-apply').first()), 'Apply is in sight');
  const snr = async () => (await cells(page, 'nf4'))[3];
  await until(async () => /^\d+\.\d\d( ± \d+\.\d\d)?$/.test(await snr()), 'a sample is measured', MEASURED_SECONDS);
  await page.getByRole('button', { name: 'Measure Every Value' }).click();
  await page.getByText('every value measured').waitFor({ timeout: MEASURED_SECONDS * 1000 });
  const [name, size, bits, decibels, toInf, , , , changed] = await cells(page, 'float16');
  assert.match(name, /^float16/);
  assert.equal(size, '1.26 MiB');
  assert.equal(bits, '16');
  assert.match(decibels, /^\d+\.\d\d$/);
  assert.equal(toInf, '0');
  assert.match(changed, /^\d.* %$/);
  assert.equal((await cells(page, 'float32'))[3], 'exact');
}

/** The table is sorted by its heads, with the keyboard too, and tells so. */
export async function assertSorts(page) {
  const rows = page.locator('.loupe-targets tbody tr');
  const head = page.locator('.loupe-targets th', { has: page.getByRole('button', { name: 'Size' }) });
  await head.getByRole('button').click();
  assert.equal(await head.getAttribute('aria-sort'), 'ascending');
  await head.getByRole('button').press('Enter');
  await until(async () => (await head.getAttribute('aria-sort')) === 'descending', 'it is sorted the other way');
  assert.equal(await rows.first().getAttribute('data-dtype'), 'float64');
}

/** The selected target tells its exponents, worst tensors, what stays and why. */
export async function assertTellsMore(page) {
  await target(page, 'nf4').getByRole('button').first().click();
  await page.getByRole('heading', { name: /^nf4/ }).waitFor();
  assert.match(await page.getByRole('img').getAttribute('aria-label'), /^Before: 2.* After: 2/);
  await page.getByText(/an embedding/).first().waitFor();
  assert.equal(await page.locator('section[aria-label="Tensors that lose most"] tbody tr').count(), 5);
}

/** Shows an edit, its lines first, and makes it; gives the line that is to come. */
export async function apply(page, dtype) {
  await target(page, dtype).getByRole('button', { name: /^Apply/ }).click();
  const line = page.locator('.loupe-edit ins').first();
  await line.waitFor();
  const text = (await page.locator('.loupe-edit ins').allInnerTexts()).join('\n');
  // The keyboard is at the button already.
  await until(() => page.locator('.loupe-edit button:focus').count(), 'the button has the focus');
  await page.locator('.loupe-edit button:focus').press('Enter');
  await page.getByText('Done in the code').waitFor();
  return text;
}
