// What has been done: the list of sessions, its filters, and one session whole.

import { changed, emptied, ended, heldBeforeCommit, inSync } from '../support/moments.ts';
import { call, startSync } from '../support/node.ts';
import { expect, test } from '../support/fixtures.ts';

test('the history tells who did what, and keeps what it is filtered by in the address', async ({ panel, servers }) => {
  const { target, source } = servers;
  await emptied(target);
  await inSync(target, source);
  await changed(source);
  const lock = await heldBeforeCommit(target);
  const cancelled = await startSync(target, 'pull', source.name);
  await expect(panel.cancel).toBeVisible();
  await call(target, 'POST', '/api/admin/sync/cancel', { session_id: cancelled });
  await ended(target, cancelled);
  await lock.release();

  await panel.page.getByRole('link', { name: 'History' }).filter({ visible: true }).first().click();
  await expect(panel.page.getByRole('heading', { name: 'History', level: 1 })).toBeVisible();
  const lines = panel.page.getByRole('table', { name: 'Full syncs, newest first' }).getByRole('row');
  await expect(lines.nth(1)).toContainText('Cancelled');
  await expect(lines.nth(2)).toContainText('Verified');

  await panel.page.getByLabel('Result').selectOption('Cancelled');
  await panel.page.getByRole('button', { name: 'Filter' }).click();
  await expect(panel.page).toHaveURL(/phase=cancelled/);
  await expect(lines.filter({ hasText: 'Verified' })).toHaveCount(0);
  await expect(lines.nth(1)).toContainText('Cancelled');

  await panel.page.reload();
  await expect(lines.nth(1)).toContainText('Cancelled');
  // Drawn by the server in its own time, and then said in the reader's.
  await expect(lines.nth(1).locator('time')).toHaveText(/^today \d\d:\d\d$/);
  await expect(lines.filter({ hasText: 'Verified' })).toHaveCount(0);
});

test('the list follows what happens while it is looked at', async ({ panel, servers: { target, source } }) => {
  await inSync(target, source);
  await panel.open('/history');
  const shown = panel.page.getByRole('status').filter({ hasText: 'shown' });
  const before = await shown.textContent();
  const session = await startSync(target, 'pull', source.name);
  await ended(target, session);
  await expect(shown).not.toHaveText(before!);
  await expect(panel.page.getByRole('table').locator(`a[href="/history/${session}"]`)).toBeVisible();
});

test('a session is shown whole to who comes by a link on the panel', async ({ panel, page, servers: { target, source } }) => {
  await emptied(target);
  const session = await startSync(target, 'pull', source.name);
  await ended(target, session);
  for (const from of ['/', '/history']) {
    await panel.open(from);

    await page.locator(`main a[href="/history/${session}"]`).first().click();

    await expect(page.getByRole('region', { name: 'Per table' })).toContainText('order_items');
    await expect(page.getByRole('link', { name: 'Open the page' })).toHaveCount(0);
  }
});

test('a session is kept whole: numbers, tables and its log', async ({ panel, servers: { target, source } }) => {
  await emptied(target);
  const session = await startSync(target, 'pull', source.name);
  const end = await ended(target, session);

  await panel.open(`/history/${session}`);

  const tables = panel.page.getByRole('region', { name: 'Per table' });
  await expect(tables.getByRole('row').filter({ hasText: 'order_items' })).toContainText('10,785');
  await expect(panel.page.getByText(`${end.result!.rows.toLocaleString('en')} rows`).first()).toBeVisible();
  await panel.page.locator('summary').filter({ hasText: 'Log' }).click();
  await expect(panel.page.getByRole('log')).toContainText(/\S/);
});
