// Each state of each page: accessible, never wider than the window, and kept as a picture to be looked at.

import { changed, emptied, ended, heldBeforeCommit, heldInBackup, inSync } from '../support/moments.ts';
import { call, startSync } from '../support/node.ts';
import { expectGoodLooks } from '../support/looks.ts';
import { expect, test } from '../support/fixtures.ts';

test('sign-in', async ({ page, servers: { target } }) => {
  await page.goto(new URL('/login', target.url).toString());
  await expectGoodLooks(page, 'login');
});

test('full sync: ready, running, done', async ({ panel, servers: { target, source } }) => {
  await emptied(target);
  await panel.choosing();
  await expectGoodLooks(panel.page, 'full-sync-ready');
  await panel.page.locator('summary').filter({ hasText: 'Options' }).click();
  await expectGoodLooks(panel.page, 'full-sync-options');

  const backup = await heldInBackup(source);
  const session = await startSync(target, 'pull', source.name);
  await expect(panel.cancel).toBeVisible();
  await expectGoodLooks(panel.page, 'full-sync-backup');
  await backup.release();

  await ended(target, session);
  await expect(panel.status).toContainText(/verified/i);
  await expectGoodLooks(panel.page, 'full-sync-verified');
});

test('full sync: before the commit, asked to cancel, cancelled', async ({ panel, servers: { target, source } }) => {
  await inSync(target, source);
  await changed(source);
  const lock = await heldBeforeCommit(target);
  await startSync(target, 'pull', source.name);
  await panel.cancel.click();
  await expect(panel.dialog).toBeVisible();
  await expectGoodLooks(panel.page, 'full-sync-cancel-dialog');

  await panel.dialog.getByRole('button', { name: 'Cancel sync' }).click();
  await expect(panel.status).toContainText(/cancelled/i);
  await expectGoodLooks(panel.page, 'full-sync-cancelled');
  await lock.release();
});

test('history: the list and one session', async ({ panel, servers: { target, source } }) => {
  await inSync(target, source);
  const page = await call<{ sessions: { session_id: string }[] }>(target, 'GET', '/api/admin/sync/history');

  await panel.open('/history');
  await expect(panel.page.getByRole('heading', { level: 1 })).toBeVisible();
  await expectGoodLooks(panel.page, 'history');

  await panel.open(`/history/${page.sessions[0]!.session_id}`);
  await expect(panel.page.getByRole('heading', { level: 1 })).toBeVisible();
  await expectGoodLooks(panel.page, 'history-session');
});
