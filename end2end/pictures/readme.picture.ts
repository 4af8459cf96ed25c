// A first sync of the sample -> the two pictures of the panel that the README shows.

import { writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';

import { changed, ended, inSync } from '../support/moments.ts';
import { startSync } from '../support/node.ts';
import { expect, test } from '../support/fixtures.ts';

const WIDTH = 1440;

test.use({ viewport: { width: WIDTH, height: 900 } });

for (const scheme of ['light', 'dark'] as const) {
  test(scheme, async ({ panel, page, servers: { target, source } }) => {
    await inSync(target, source);
    await changed(source);
    await ended(target, await startSync(target, 'pull', source.name, { deletes: 'mirror' }));
    await page.emulateMedia({ colorScheme: scheme });
    await panel.open();
    await expect(page.getByRole('main').getByText('Identical', { exact: true })).toBeVisible();
    await page.evaluate(() => document.fonts.ready);

    // Chromium's own WebP: half the size of an optimised PNG, and no other tool is needed.
    const devtools = await page.context().newCDPSession(page);
    const { data } = await devtools.send('Page.captureScreenshot', {
      format: 'webp',
      quality: 90,
      clip: { x: 0, y: 0, width: WIDTH, height: 900, scale: 1 },
    });
    await writeFile(resolve(import.meta.dirname, `panel-${scheme}.webp`), Buffer.from(data, 'base64'));
  });
}
