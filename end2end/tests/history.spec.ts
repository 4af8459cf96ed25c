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
  await expect(panel.page.getByText(/verified/i).filter({ visible: true }).first()).toBeVisible();

  await panel.open('/history?phase=cancelled');
  await panel.isLive();
  await expect(panel.page.getByRole('link', { name: /cancelled/i }).or(panel.page.getByText(/^cancelled/i)).first()).toBeVisible();
});

test('a session is kept whole: steps, tables and its log', async ({ panel, servers: { target, source } }) => {
  await emptied(target);
  const session = await startSync(target, 'pull', source.name);
  await ended(target, session);

  await panel.open(`/history/${session}`);

  await expect(panel.page.getByText('order_items').first()).toBeVisible();
  for (const step of ['Backup', 'Transfer', 'Convert', 'Restore', 'Verify']) {
    await expect(panel.page.getByText(step).first()).toBeVisible();
  }
});
