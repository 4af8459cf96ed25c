// Much of everything: more tables than fit beside the graph, more syncs than fit on a page of the history.

import { ended, heldBeforeCommit } from '../support/moments.ts';
import { OwnNode, startSync } from '../support/node.ts';
import { expectGoodLooks } from '../support/looks.ts';
import { Panel } from '../support/panel.ts';
import { freePort } from '../support/process.ts';
import { createDatabase, sql } from '../support/psql.ts';
import { expect, test } from '../support/fixtures.ts';

const TABLES = 40;
const KEY = 'the key of both nodes';

let west: OwnNode;
let east: OwnNode;

test.beforeAll(async ({ servers }) => {
  const tables = `do $$ begin
    for n in 1..${TABLES} loop
      execute format('create table %I (id bigint primary key, what text)', 'ledger_' || lpad(n::text, 2, '0'));
    end loop; end $$`;
  const [mine, theirs] = [
    await createDatabase(servers.target.database_url, 'many_mine'),
    await createDatabase(servers.source.database_url, 'many_theirs'),
  ];
  for (const database of [mine, theirs]) await sql(database, tables);
  await sql(
    theirs,
    `do $$ begin
      for n in 1..${TABLES} loop
        execute format('insert into %I select i, ''line '' || i from generate_series(1, 100) as i',
          'ledger_' || lpad(n::text, 2, '0'));
      end loop; end $$`,
  );
  const [here, there] = [await freePort(), await freePort()];
  [east, west] = await Promise.all([
    OwnNode.start({ name: 'East', databaseUrl: theirs, peers: 'West', key: KEY, port: there }),
    OwnNode.start({
      name: 'West',
      databaseUrl: mine,
      peers: `East=http://127.0.0.1:${there}`,
      key: KEY,
      port: here,
    }),
  ]);
});

test.afterAll(async () => {
  await west.stop();
  await east.stop();
});

test('of many tables only those that move are shown, and all of them on demand', async ({ page }) => {
  const lock = await heldBeforeCommit(west, 'ledger_01');
  const panel = new Panel(page, west);
  await panel.signIn();
  const session = await startSync(west, 'pull', 'East');

  const tables = page.getByRole('region', { name: 'Tables' });
  await expect(tables.getByText(`${TABLES} of ${TABLES} staged`)).toBeVisible();
  const lines = tables.getByRole('listitem').filter({ visible: true });
  await expect(lines).toHaveCount(0);
  await tables.getByText(`All ${TABLES} tables`).click();
  await expect(lines).toHaveCount(TABLES);
  await expect(lines.first()).toContainText('ledger_01');
  await expect(lines.last()).toContainText(`ledger_${TABLES}`);
  await expectGoodLooks(page, 'full-sync-many-tables');

  await lock.release();
  expect((await ended(west, session)).phase).toBe('verified');
  await expect(panel.status).toContainText(/verified/i);
  const proof = page.getByRole('region', { name: 'Per table' });
  await expect(proof.getByRole('row')).toHaveCount(TABLES + 1);
  await panel.leave();
});

test('the history is read page by page, and each page has an address', async ({ page }) => {
  await ended(west, await startSync(west, 'pull', 'East'));
  // Two more pages of what there is already: copies of the last session, each older than the one before.
  await sql(
    west.database_url,
    `insert into tandem.session
     select id, peer, phase, started_us, finished_us, committed_us,
            replace(status, old_id, id), log
     from (
       select old.id as old_id, left(old.id, 24) || lpad(to_hex(n), 12, '0') as id, peer, phase,
              started_us - n * 3600000000 as started_us, finished_us - n * 3600000000 as finished_us,
              committed_us, status, log
       from (select * from tandem.session order by started_us desc limit 1) as old, generate_series(1, 110) as n
     ) as copies`,
  );
  const panel = new Panel(page, west);
  await panel.signIn();
  await panel.open('/history');
  const lines = page.getByRole('table', { name: 'Full syncs, newest first' }).getByRole('row');
  const first = lines.nth(1).getByRole('link').first();
  await expect(lines).toHaveCount(51);
  const newest = await first.getAttribute('href');
  await expect(page.getByRole('link', { name: 'Newest' })).toHaveCount(0);

  await page.getByRole('link', { name: 'Older' }).click();
  await expect(page).toHaveURL(/before=/);
  await expect(first).not.toHaveAttribute('href', newest!);
  await expect(lines).toHaveCount(51);
  const second = await first.getAttribute('href');
  await page.reload();
  await expect(first).toHaveAttribute('href', second!);

  await page.getByRole('link', { name: 'Older' }).click();
  await expect(first).not.toHaveAttribute('href', second!);
  await expect(page.getByRole('link', { name: 'Older' })).toHaveCount(0);
  await page.goBack();
  await expect(first).toHaveAttribute('href', second!);
  await page.getByRole('link', { name: 'Newest' }).click();
  await expect(first).toHaveAttribute('href', newest!);
  await panel.leave();
});
