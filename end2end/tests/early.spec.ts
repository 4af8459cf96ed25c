// The moment between what the server rendered and the browser's code: a click is answered or visibly impossible.

import { changed, ended, inSync } from '../support/moments.ts';
import { call } from '../support/node.ts';
import { Panel } from '../support/panel.ts';
import { expect, test } from '../support/fixtures.ts';

test('until the browser has the code, what needs it is disabled and says so', async ({ panel, page, servers }) => {
  await inSync(servers.target, servers.source);
  await panel.open();
  await panel.choosing();
  const seen = new URL(page.url());
  // The code is on its way for as long as the test likes.
  let arrive = () => {};
  const arrived = new Promise<void>((done) => (arrive = done));
  await page.route('**/pkg/tandem.wasm', async (route) => {
    await arrived;
    await route.continue();
  });

  await page.goto(seen.toString(), { waitUntil: 'domcontentloaded' });

  await expect(panel.start('Pull')).toBeDisabled();
  await expect(page.getByRole('button', { name: 'Compare now' })).toBeDisabled();
  await expect(page.getByRole('button', { name: 'Ask again' })).toBeDisabled();
  await expect(panel.peer(servers.source.name)).toBeDisabled();
  await expect(page.getByRole('radio', { name: /^Push/ })).toBeDisabled();
  await expect(page.getByText('Connecting', { exact: true }).filter({ visible: true }).first()).toBeVisible();
  // Links and forms need no code.
  await expect(page.getByRole('link', { name: 'History' }).first()).toBeEnabled();

  arrive();
  await expect(panel.start('Pull')).toBeEnabled();
  await expect(page.getByRole('radio', { name: /^Push/ })).toBeEnabled();
  await expect(page.getByText('Live', { exact: true }).filter({ visible: true }).first()).toBeVisible();
});

test('a click right after the page has loaded starts the sync', async ({ panel, page, servers: { target, source } }) => {
  await inSync(target, source);
  await changed(source);
  await panel.open();
  await panel.choosing();
  const early = new Panel(page, target);

  await page.goto(page.url(), { waitUntil: 'commit' });
  // Nothing is waited for but what a person waits for: that the button can be pressed.
  await early.start('Pull').click();

  await expect(early.status).toContainText(/verified/i);
  const { sessions } = await call<{ sessions: { session_id: string; started_by: string }[] }>(
    target,
    'GET',
    '/api/admin/sync/history',
  );
  expect(sessions[0]!.started_by).toBe('admin');
  await ended(target, sessions[0]!.session_id);
});
