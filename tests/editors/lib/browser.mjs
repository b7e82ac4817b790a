// Debian's Chromium, headless, and what its page asks of the network.
import { mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { chromium } from 'playwright-core';

export const REPOSITORY = fileURLToPath(new URL('../../../', import.meta.url));
export const SCREENSHOTS = join(REPOSITORY, 'tests/editors/screenshots');

const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** A browser with a fresh profile in `profile`; `outside` collects hosts that are not this machine. */
export async function openBrowser(profile, { allowedHosts = [], viewport = { width: 1400, height: 900 } } = {}) {
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: '/usr/bin/chromium',
    headless: true,
    viewport,
    args: FLAGS,
  });
  const outside = new Set();
  context.on('request', (request) => {
    const { protocol, hostname } = new URL(request.url());
    const isHere = ['127.0.0.1', 'localhost', '[::1]'].includes(hostname);
    if (/^(https?|wss?):$/.test(protocol) && !isHere && !allowedHosts.some((host) => host.test(hostname))) {
      outside.add(hostname);
    }
  });
  const page = context.pages()[0] ?? (await context.newPage());
  return { context, page, outside };
}

/** Keeps a picture of the page, for a person to look at and for the README. */
export async function photograph(page, name) {
  const path = join(SCREENSHOTS, `${name}.png`);
  mkdirSync(dirname(path), { recursive: true });
  await page.screenshot({ path, animations: 'disabled' });
}
