// Ends that are less than "identical": the page says what was proved, and no more.

import { readFile } from 'node:fs/promises';

import { changed, ended, inSync } from '../support/moments.ts';
import { startSync } from '../support/node.ts';
import { expectGoodLooks } from '../support/looks.ts';
import { sql } from '../support/psql.ts';
import { expect, test } from '../support/fixtures.ts';

test('rows that only the target has are kept and counted, and nothing is called identical', async ({ panel, servers }) => {
  const { target, source } = servers;
  await inSync(target, source);
  await sql(
    target.database_url,
    `insert into gift_cards (id, business_id, code, balance, expires_on)
     select md5('own' || n)::uuid, 1, 'OWN' || n, n, date '2027-01-01' from generate_series(1, 3) as n`,
  );

  await panel.choose('Pull', source.name);
  await panel.start('Pull').click();

  await expect(panel.status).toContainText(/verified/i);
  const main = panel.page.getByRole('main');
  await expect(main.getByText('Contains everything')).toBeVisible();
  await expect(main.getByText(`${target.name} has everything of ${source.name}, and 3 rows of its own.`)).toBeVisible();
  await expect(main.getByText(/identical/i)).toHaveCount(0);
  await expectGoodLooks(panel.page, 'full-sync-contains');
  await inSync(target, source);
});

test('without the comparison the end is "not verified", and not green', async ({ panel, servers: { target, source } }) => {
  await inSync(target, source);
  await changed(source);

  await panel.choose('Pull', source.name);
  await panel.page.locator('summary').filter({ hasText: 'Options' }).click();
  await panel.page.getByRole('checkbox', { name: /^Verify after sync/ }).uncheck();
  await expect(panel.page.locator('summary').filter({ hasText: 'Options' })).toContainText('not verified');
  await panel.start('Pull').click();

  await expect(panel.status).toContainText('Completed, not verified');
  await expect(panel.page.locator('.seal--ok, .state--ok').filter({ visible: true }).and(panel.page.locator('.stage *, .status-line *'))).toHaveCount(0);
  await expect(panel.page.getByRole('main').getByText('Not verified', { exact: true })).toBeVisible();
  await expectGoodLooks(panel.page, 'full-sync-unverified');
  await panel.open('/history?phase=completed');
  await expect(panel.page.getByRole('row').nth(1)).toContainText('Completed, not verified');
});

test('a session can be taken home as JSON', async ({ panel, servers: { target, source } }) => {
  const session = await startSync(target, 'pull', source.name);
  await ended(target, session);
  await panel.open(`/history/${session}`);

  const download = panel.page.waitForEvent('download');
  await panel.page.getByRole('link', { name: 'JSON' }).click();
  const file = await download;

  expect(file.suggestedFilename()).toBe(`tandem-${session.slice(24)}.json`);
  const kept = JSON.parse(await readFile(await file.path(), 'utf8')) as {
    status: { session_id: string; phase: string };
    log: { text: string }[];
  };
  expect(kept.status).toMatchObject({ session_id: session, phase: 'verified' });
  expect(kept.log.length).toBeGreaterThan(3);
});
