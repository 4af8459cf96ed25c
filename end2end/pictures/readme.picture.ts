// A sync of the sample -> the two pictures of the panel that the README shows.

import { writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';

import { changed, ended, inSync } from '../support/moments.ts';
import { startSync } from '../support/node.ts';
import { expect, test } from '../support/fixtures.ts';

const SIZE = { width: 1440, height: 900 };

test.use({ viewport: SIZE });

test('the end of a sync, light and dark', async ({ panel, page, servers: { target, source } }) => {
  await inSync(target, source);
  await changed(source);
  await ended(target, await startSync(target, 'pull', source.name, { deletes: 'mirror' }));
  await panel.open();
  await expect(page.getByRole('main').getByText('Identical', { exact: true })).toBeVisible();
  const devtools = await page.context().newCDPSession(page);

  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme });
    // Chromium's own WebP: half the size of an optimised PNG, and no other tool is needed.
    const { data } = await devtools.send('Page.captureScreenshot', {
      format: 'webp',
      quality: 90,
      clip: { x: 0, y: 0, ...SIZE, scale: 1 },
    });
    await writeFile(resolve(import.meta.dirname, `panel-${colorScheme}.webp`), Buffer.from(data, 'base64'));
  }
});
