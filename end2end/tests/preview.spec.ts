// What a sync would do, seen before it does it: the numbers are those of the sync, and nothing is written.

import { changed, ended, heldInBackup, inSync } from '../support/moments.ts';
import { newest, startPreview } from '../support/node.ts';
import { expectGoodLooks } from '../support/looks.ts';
import { contents, sql } from '../support/psql.ts';
import { expect, test } from '../support/fixtures.ts';

test('the preview counts what the sync then does, survives a reload, and writes nothing', async ({ panel, page, servers }) => {
  const { target, source } = servers;
  await inSync(target, source);
  await changed(source);
  const before = await contents(target.database_url);

  await panel.open();
  await panel.choose('Pull', source.name);
  await panel.preview.click();

  await page.waitForURL(/\/history\//);
  await expect(page.getByRole('heading', { level: 1 })).toContainText('Preview');
  const names = ['Insert', 'Update', 'Delete', 'Unchanged', 'Only there, kept'];
  const seen = () => Promise.all(names.map(async (name) => Number((await panel.total(name).innerText()).replaceAll(',', ''))));
  const numbers = await seen();
  expect(numbers[0]! + numbers[1]!).toBeGreaterThan(0);
  await expect(page.getByText(`${target.name} would be changed by ${source.name}`)).toBeVisible();
  expect(await contents(target.database_url)).toEqual(before);

  await page.reload();
  expect(await seen()).toEqual(numbers);
  await expect(page.getByText(/tables are equal$/)).toBeVisible();

  await page.getByRole('button', { name: 'Start this sync' }).click();
  await page.waitForURL(target.url);
  await expect(panel.status).toContainText(/verified/i);
  const { result } = await newest(target);
  expect([result!.inserted, result!.updated, result!.deleted, result!.unchanged]).toEqual(numbers.slice(0, 4));
});

test('a table unfolds to its rows, marks those that are newer, and chosen ones go alone', async ({ panel, page, servers }) => {
  // Four looks of a long page.
  test.setTimeout(180_000);
  const { target, source } = servers;
  await inSync(target, source);
  await changed(source);
  // A trigger of the shop sets `updated_at`.
  await sql(
    target.database_url,
    `update customers set full_name = full_name || ' (here)' where id in (2, 5);
     update products set weight_kg = null where id = 3;
     insert into gift_cards (id, business_id, code, balance, expires_on)
     values (md5('mine')::uuid, 1, 'MINE', 7, date '2027-01-01')`,
  );
  const names = `select id, full_name from customers where id in (2, 5) order by id`;
  const [, fifth] = await sql(target.database_url, names);
  const [second] = await sql(source.database_url, names);
  // A page that follows the preview would go to it by itself, in the middle of being opened.
  await panel.leave();
  const session = await startPreview(target, 'pull', source.name, { deletes: 'mirror' });
  expect((await ended(target, session)).phase).toBe('previewed');

  await panel.open(`/history/${session}`);

  await expect(page.getByText(`3 rows of ${target.name} are newer than what would replace them.`)).toBeVisible();
  const customers = page.locator('.changes > li').filter({ hasText: /^customers/ });
  await expect(customers).toContainText('2 newer');
  for (const summary of await page.locator('.changes summary').all()) await summary.click();
  const row = customers.getByRole('row').filter({ has: page.getByRole('checkbox', { name: /^id 2 / }) });
  await expect(row).toContainText('newer');
  await expect(customers.getByRole('row', { name: /^full_name/ }).first()).toContainText('(here)');
  await expectGoodLooks(page, 'preview-rows');

  const only = page.getByRole('button', { name: /^Sync only/ });
  await expect(only).toBeHidden();
  await row.getByRole('checkbox').check();
  await expect(only).toHaveText('Sync only the 1 chosen row');
  await only.click();
  await page.waitForURL(target.url);
  await expect(page.getByText('Chosen rows are equal')).toBeVisible();
  expect(await sql(target.database_url, names)).toEqual([second, fifth]);
  await inSync(target, source);
});

test('a push is previewed with the other server as the one that would change', async ({ panel, page, servers }) => {
  const { target, source } = servers;
  await inSync(target, source);
  await changed(target);
  const before = await contents(source.database_url);

  await panel.open();
  await panel.choose('Push', source.name);
  await panel.preview.click();

  await page.waitForURL(/\/history\//);
  await expect(page.getByText(`${source.name} would be changed by ${target.name}`)).toBeVisible();
  await expect(page.getByRole('heading', { name: `Changes in ${source.name}` })).toBeVisible();
  expect(await contents(source.database_url)).toEqual(before);
  await page.getByRole('link', { name: 'Change options' }).click();
  await expect(page.getByRole('radio', { name: /^Push/ })).toBeChecked();
  await inSync(target, source);
});

test('while it runs it is worded as a preview and can be cancelled', async ({ panel, page, servers: { target, source } }) => {
  await inSync(target, source);
  const lock = await heldInBackup(source);
  await panel.open();
  await panel.choose('Pull', source.name);
  await panel.preview.click();

  await expect(page.getByRole('heading', { name: 'Preview', level: 1 })).toBeVisible();
  await expect(page.getByText('Nothing is written', { exact: true })).toBeVisible();
  await expect(page.getByRole('region', { name: 'Progress' }).getByRole('listitem')).toHaveCount(3);
  await panel.cancel.click();
  await expect(panel.dialog).toContainText('Nothing was written, and nothing will be.');
  await panel.dialog.getByRole('button', { name: 'Cancel preview' }).click();

  await expect(panel.status).toContainText(/cancelled/i);
  await lock.release();
});

test('a preview that runs looks good', async ({ panel, page, servers: { target, source } }) => {
  test.setTimeout(180_000);
  await inSync(target, source);
  const lock = await heldInBackup(source);
  const session = await startPreview(target, 'pull', source.name);
  await expect(page.getByRole('heading', { name: 'Preview', level: 1 })).toBeVisible();
  await expect(panel.cancel).toBeVisible();
  await expectGoodLooks(page, 'preview-running');
  await lock.release();
  await ended(target, session);
});

test('what would refuse the sync is said with its remedy, and it cannot be started', async ({ panel, page, servers }) => {
  const { target, source } = servers;
  await inSync(target, source);
  await sql(source.database_url, `alter table products add column shelf text; update products set shelf = 'A1' where id = 1`);

  await panel.open();
  await panel.choose('Pull', source.name);
  await panel.preview.click();

  await page.waitForURL(/\/history\//);
  await expect(page.getByRole('heading', { name: 'This sync would be refused' })).toBeVisible();
  await expect(page.getByRole('region', { name: 'This sync would be refused' })).toContainText('shelf');
  await expect(page.getByRole('button', { name: 'Start this sync' })).toBeDisabled();
  await expect(page.getByRole('button', { name: 'Start this sync' })).toHaveAccessibleDescription(/would refuse/);
  await expectGoodLooks(page, 'preview-blocked');
  await sql(source.database_url, 'alter table products drop column shelf');
  // Both servers are free again.
  await inSync(target, source);
});

test('what a sync would make and add is shown as statements, and it can be started', async ({ panel, page, servers }) => {
  const { target, source } = servers;
  await inSync(target, source);
  await sql(
    source.database_url,
    `alter table products add column shelf text; create table shelves (id int primary key); create index on shelves ((id + 1))`,
  );
  await panel.leave();
  const session = await startPreview(target, 'pull', source.name, { initialise: true, additive: true });
  expect((await ended(target, session)).phase).toBe('previewed');

  await panel.open(`/history/${session}`);

  const known = page.getByRole('region', { name: 'To be known before' });
  await expect(known).toContainText('alter table "public"."products" add column "shelf" text;');
  await expect(known).toContainText('create table "public"."shelves" ("id" integer not null);');
  await expect(known).toContainText('Not made on the target: Index shelves_expr_idx');
  await expect(page.getByRole('button', { name: 'Start this sync' })).toBeEnabled();
  await expectGoodLooks(page, 'preview-made');
  await sql(source.database_url, 'alter table products drop column shelf; drop table shelves');
  await inSync(target, source);
});

test('the preview and its options look good', async ({ panel, page, servers: { target, source } }) => {
  test.setTimeout(180_000);
  await inSync(target, source);
  await changed(source);
  await panel.open();
  await panel.choosing();
  await page.locator('summary').filter({ hasText: 'Options' }).click();
  await expectGoodLooks(page, 'full-sync-options');
  await sql(source.database_url, 'create view cheap as select * from products where false');
  // Who watches a preview, whoever started it, is taken to what it has found.
  const session = await startPreview(target, 'pull', source.name);
  await page.waitForURL(new RegExp(`/history/${session}`));
  await expect(page.getByRole('heading', { name: `Changes in ${target.name}` })).toBeVisible();
  await expect(page.getByRole('region', { name: 'To be expected' })).toContainText('Not synced' + 'public.cheap (view)');
  await expectGoodLooks(page, 'preview');
  await sql(source.database_url, 'drop view cheap');
});
