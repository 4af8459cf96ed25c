// The main job, by hand: choose, start, watch, and see that both databases hold the same rows.

import { changed, emptied, ended, heldBeforeCommit, inSync } from '../support/moments.ts';
import { startSync } from '../support/node.ts';
import { Panel } from '../support/panel.ts';
import { contents } from '../support/psql.ts';
import { expect, test } from '../support/fixtures.ts';

test('a pull brings every row and proves it', async ({ panel, servers: { target, source } }) => {
  await emptied(target);

  await panel.choose('Pull', source.name);
  await panel.start('Pull').click();

  await expect(panel.status).toContainText(/verified/i);
  expect(await contents(target.database_url)).toEqual(await contents(source.database_url));
});

test('a push writes the other server', async ({ panel, servers: { target, source } }) => {
  await inSync(target, source);
  await changed(target);

  await panel.choose('Push', source.name);
  await panel.start('Push').click();

  await expect(panel.status).toContainText(/verified/i);
  // Rows that only the written side has are kept by default.
  const sent = await contents(target.database_url);
  const written = await contents(source.database_url);
  const kept = written.filter((line) => !sent.includes(line)).map((line) => line.split(' ')[0]);
  expect(kept).toEqual(['public.loyalty_points']);
});

test('the same pull again changes nothing', async ({ panel, servers: { target, source } }) => {
  await inSync(target, source);

  const end = await ended(target, await startSync(target, 'pull', source.name));

  expect(end.result).toMatchObject({ inserted: 0, updated: 0, deleted: 0 });
  await expect(panel.status).toContainText(/verified/i);
});

test('a running sync is the same on a reload and in a second tab', async ({ panel, page, context, servers }) => {
  const { target, source } = servers;
  await inSync(target, source);
  await changed(source);
  const lock = await heldBeforeCommit(target);

  await panel.choose('Pull', source.name);
  await panel.start('Pull').click();
  await expect(panel.cancel).toBeVisible();
  await expect(page.getByRole('progressbar').first()).toBeVisible();

  await page.reload();
  await expect(panel.cancel).toBeVisible();
  const other = new Panel(await context.newPage(), target);
  await other.open();
  await expect(other.cancel).toBeVisible();

  await lock.release();
  await expect(panel.status).toContainText(/verified/i);
  await expect(other.status).toContainText(/verified/i);
});

test('the peer shows the sync that it takes part in', async ({ panel, browser, servers: { target, source } }) => {
  await inSync(target, source);
  await changed(source);
  const lock = await heldBeforeCommit(target);
  const peer = new Panel(await browser.newPage(), source);
  await peer.signIn();

  await startSync(target, 'pull', source.name);

  await expect(panel.cancel).toBeVisible();
  await expect(peer.cancel).toBeVisible();
  await lock.release();
  await expect(peer.status).toContainText(/verified/i);
  await peer.page.close();
});

test('who starts while one runs is told which', async ({ panel, context, servers: { target, source } }) => {
  await inSync(target, source);
  await changed(source);
  // A tab that is cut off from the node but for the button: it cannot know that a sync runs.
  const deaf = await context.newPage();
  const late = new Panel(deaf, target);
  await deaf.route('**/api/**', (route) =>
    route.request().url().endsWith('/full-sync') ? route.fallback() : route.abort(),
  );
  await deaf.goto(target.url);
  await expect(deaf.getByText(/^(Polling|Offline)/).filter({ visible: true }).first()).toBeVisible();
  const lock = await heldBeforeCommit(target);
  const running = await startSync(target, 'pull', source.name);
  await expect(panel.cancel).toBeVisible();

  await late.choose('Pull', source.name);
  await late.start('Pull').click();

  await expect(deaf.getByText(/already|is running/i).filter({ visible: true }).first()).toBeVisible();
  await lock.release();
  expect((await ended(target, running)).phase).toBe('verified');
  await deaf.close();
});

test('cancel asks, stops both servers, and leaves the target as it was', async ({ panel, servers }) => {
  const { target, source } = servers;
  await inSync(target, source);
  await changed(source);
  const before = await contents(target.database_url);
  const lock = await heldBeforeCommit(target);
  const session = await startSync(target, 'pull', source.name);

  await panel.cancel.click();
  await expect(panel.dialog.getByRole('button', { name: 'Keep running' })).toBeFocused();
  await panel.dialog.getByRole('button', { name: 'Keep running' }).click();
  await expect(panel.cancel).toBeFocused();
  await panel.cancel.click();
  const asked = Date.now();
  await panel.dialog.getByRole('button', { name: 'Cancel sync' }).click();

  await expect(panel.status).toContainText(/cancelled/i);
  expect((await ended(target, session)).phase).toBe('cancelled');
  expect((await ended(source, session)).phase).toBe('cancelled');
  expect(Date.now() - asked, 'ms until both have stopped').toBeLessThan(5_000);
  await lock.release();
  expect(await contents(target.database_url)).toEqual(before);
  await inSync(target, source);
});

test('closed options say what is set, and a limit that is no number is not left standing', async ({ panel }) => {
  await panel.choosing();
  const options = panel.page.locator('summary').filter({ hasText: 'Options' });
  await options.click();
  const limit = panel.page.getByLabel('Rows of audit tables');

  await limit.fill('many');
  await limit.press('Tab');
  await expect(limit).toHaveValue('');
  await expect(options).not.toContainText('a part only');

  await limit.fill('500');
  await limit.press('Tab');
  await panel.page.getByRole('checkbox', { name: /^Make missing tables/ }).check({ force: true });
  await expect(options).toContainText('a part only');
  await expect(options).toContainText('missing tables or columns made');
});
