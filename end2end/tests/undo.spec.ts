// A sync is taken back: from the history, with a question before, and with the proof after it.

import { changed, ended, inSync } from '../support/moments.ts';
import { newest, startSync } from '../support/node.ts';
import { expectGoodLooks } from '../support/looks.ts';
import { contents, sql } from '../support/psql.ts';
import { expect, test } from '../support/fixtures.ts';

test('undo from the history brings the rows back, and both sessions say so', async ({ panel, page, servers }) => {
  test.setTimeout(180_000);
  const { target, source } = servers;
  await inSync(target, source);
  await changed(source);
  const before = await contents(target.database_url);
  const session = await startSync(target, 'pull', source.name, { deletes: 'mirror' });
  await ended(target, session);
  expect(await contents(target.database_url)).not.toEqual(before);

  await panel.open('/history');
  await page.getByRole('row').nth(1).getByRole('link', { name: 'Undo…' }).click();
  const button = page.getByRole('button', { name: 'Undo this sync…' });
  await button.click();
  await expect(panel.dialog).toContainText('back as before');
  await expect(panel.dialog.getByRole('button', { name: 'Leave it as it is' })).toBeFocused();
  await expectGoodLooks(page, 'undo-dialog');
  await panel.dialog.getByRole('button', { name: 'Undo sync' }).click();

  await page.waitForURL(target.url);
  await expect(page.getByText('As it was before')).toBeVisible();
  expect(await contents(target.database_url)).toEqual(before);
  await expectGoodLooks(page, 'undo-done');

  await panel.open(`/history/${session}`);
  await expect(panel.status).toContainText('Undone');
  await expect(page.getByRole('button', { name: 'Undo this sync…' })).toHaveCount(0);
  await expectGoodLooks(page, 'undone');
  await page.getByRole('link', { name: 'The session that undid it' }).click();
  await expect(page.getByRole('heading', { level: 1 })).toContainText('Undo');
  await page.getByRole('link', { name: 'The sync that was undone' }).click();
  await expect(page).toHaveURL(new RegExp(session));
});

test('rows that were changed since stay and are listed, unless they are asked for too', async ({ panel, page, servers }) => {
  const { target, source } = servers;
  await inSync(target, source);
  await changed(source);
  const session = await startSync(target, 'pull', source.name, { deletes: 'mirror' });
  await ended(target, session);
  await sql(target.database_url, `update products set name = 'changed since' where id = 3`);

  await panel.open(`/history/${session}`);
  await page.getByRole('button', { name: 'Undo this sync…' }).click();
  await panel.dialog.getByRole('button', { name: 'Undo sync' }).click();

  await page.waitForURL(target.url);
  await expect(panel.status).toContainText('some rows left alone');
  const aside = page.getByRole('region', { name: '1 row was left as it is' });
  await expect(aside.getByRole('row').nth(1)).toContainText('products');
  await expect(aside.getByRole('row').nth(1)).toContainText('id 3');
  expect(await sql(target.database_url, 'select name from products where id = 3')).toEqual(['changed since']);
  await expectGoodLooks(page, 'undo-left-alone');
});

test('with the box ticked, rows that were changed since come back too', async ({ panel, page, servers }) => {
  const { target, source } = servers;
  await inSync(target, source);
  const [old] = await sql(target.database_url, 'select name from products where id = 13');
  await changed(source);
  const session = await startSync(target, 'pull', source.name, { deletes: 'mirror' });
  await ended(target, session);
  await sql(target.database_url, `update products set name = 'changed since' where id = 13`);

  await panel.open(`/history/${session}`);
  await page.getByRole('button', { name: 'Undo this sync…' }).click();
  await panel.dialog.getByRole('checkbox').check();
  await panel.dialog.getByRole('button', { name: 'Undo sync' }).click();

  await page.waitForURL(target.url);
  await expect(page.getByText('As it was before')).toBeVisible();
  expect((await newest(target)).phase).toBe('verified');
  expect(await sql(target.database_url, 'select name from products where id = 13')).toEqual([old]);
});

test('a push is undone on the panel of the server that it has changed', async ({ panel, page, servers: { target, source } }) => {
  await inSync(target, source);
  await changed(target);
  const session = await startSync(target, 'push', source.name);
  await ended(target, session);

  await panel.open(`/history/${session}`);

  await expect(page.getByText(`Undo it on ${source.name}’s panel`)).toBeVisible();
  await expect(page.getByRole('button', { name: /^Undo/ })).toHaveCount(0);
});

test('the history tells previews and undos from syncs, and can be filtered by them', async ({ panel, page, servers }) => {
  const { target, source } = servers;
  await inSync(target, source);
  await changed(source);
  await panel.open();
  await panel.choose('Pull', source.name);
  await panel.preview.click();
  await page.waitForURL(/\/history\//);

  await panel.open('/history');
  await page.getByLabel('Kind').selectOption('Previews');
  await page.getByRole('button', { name: 'Filter' }).click();
  await expect(page).toHaveURL(/kind=preview/);
  const lines = page.getByRole('table', { name: /newest first/ }).getByRole('row');
  await expect(lines.nth(1)).toContainText('Preview');
  await expect(lines.filter({ hasText: 'Verified' })).toHaveCount(0);
  await panel.open('/history');
  await expectGoodLooks(page, 'history-kinds');

  await panel.open();
  await expect(page.getByRole('region', { name: 'Recent syncs' }).getByText('Preview')).toHaveCount(0);
});
