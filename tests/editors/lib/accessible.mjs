// What keeps people from reading a page or a frame of it: what axe-core finds, and what it does not look at.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** Fails with what is seriously wrong in the part of a page or frame that `selector` names. */
export async function assertAccessible(frame, selector) {
  await frame.evaluate(AXE);
  const found = await frame.evaluate(async (within) => {
    const { violations } = await window.axe.run(within, { resultTypes: ['violations'] });
    return violations
      .filter(({ impact }) => impact === 'serious' || impact === 'critical')
      .map(({ id, help, nodes }) => `${id}: ${help}: ${nodes.length} times, such as ${nodes[0].html}: ${nodes[0].failureSummary}`);
  }, selector);
  assert.deepEqual(found, []);
}

/**
 * Fails with the texts of a treemap whose contrast is below 4.5 (WCAG 2, AA), and with a legend that is not its boxes'.
 * The treemap is in the page that `selector` names.
 */
export async function assertReadable(frame, selector = '#page') {
  const { faint, texts, legend, edges } = await frame.evaluate((within) => {
    const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
    /** Paints colours over each other; gives what is seen, of 255. */
    const seen = (layers) => {
      for (const [colour, opacity] of layers) {
        canvas.globalAlpha = opacity;
        canvas.fillStyle = colour;
        canvas.fillRect(0, 0, 1, 1);
      }
      return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3);
    };
    const luminance = (colour) => {
      const [red, green, blue] = colour
        .map((part) => part / 255)
        .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
      return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
    };
    const contrast = (one, other) => {
      const [dark, light] = [luminance(one), luminance(other)].sort((a, b) => a - b);
      return (light + 0.05) / (dark + 0.05);
    };
    const page = [getComputedStyle(document.querySelector(within)).backgroundColor, 1];
    const texts = [...document.querySelectorAll('.loupe-area text')];
    const faint = texts.flatMap((text) => {
      const place = text.getBoundingClientRect();
      const below = [...document.querySelectorAll('.loupe-area rect')].filter((rect) => {
        const { left, right, top, bottom } = rect.getBoundingClientRect();
        return left <= place.left && place.left <= right && top <= place.top && place.bottom <= bottom;
      });
      const ground = [page, ...below.map(getComputedStyle).map(({ fill, fillOpacity }) => [fill, fillOpacity])];
      const ratio = contrast(seen(ground), seen([...ground, [getComputedStyle(text).fill, 1]]));
      return ratio < 4.5 ? [`${text.textContent}: ${ratio.toFixed(2)}`] : [];
    });
    const colours = (selector, pseudo, property) =>
      [...new Set([...document.querySelectorAll(selector)].map((each) => getComputedStyle(each, pseudo)[property]))].sort();
    return {
      faint,
      texts: texts.length,
      legend: colours('.loupe-dtype', '::before', 'borderTopColor'),
      edges: colours('.loupe-area:not(.loupe-divided) rect', undefined, 'stroke'),
    };
  }, selector);
  assert.deepEqual(faint, []);
  assert(texts > 0);
  assert.deepEqual(legend, edges);
}
