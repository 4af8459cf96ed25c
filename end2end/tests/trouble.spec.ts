// When the other side is away, or does not know us: the panel says so, and what to do.

import { resolve } from 'node:path';

import { ended, heldBeforeCommit } from '../support/moments.ts';
import { OwnNode, startSync } from '../support/node.ts';
import { expectGoodLooks } from '../support/looks.ts';
import { Panel } from '../support/panel.ts';
import { freePort } from '../support/process.ts';
import { contents, createDatabase, runFile, sql } from '../support/psql.ts';
import { expect, test } from '../support/fixtures.ts';

const SHOP = resolve(import.meta.dirname, '../../src/demo/shop');
const KEY = 'the key of both nodes';

test('without a peer the panel says how to name one, and nothing can be started', async ({ page, servers }) => {
  const alone = await OwnNode.start({
    name: 'First Office',
    databaseUrl: await createDatabase(servers.target.database_url, 'alone'),
    peers: '',
    key: KEY,
  });
  const panel = new Panel(page, alone);
  await panel.signIn();

  await expect(panel.status).toContainText('No other server is known yet.');
  await expect(page.getByRole('main')).toContainText('TANDEM_PEERS');
  await expect(panel.start('Pull')).toBeDisabled();
  await expect(panel.start('Pull')).toHaveAccessibleDescription(/no other server/i);
  await expect(panel.peer('First Office')).toBeDisabled();
  await expectGoodLooks(page, 'full-sync-first-run');
  await panel.leave();
  await alone.stop();
});

test('a peer that is away is shown as offline and cannot be chosen to start', async ({ page, servers }) => {
  const nowhere = await freePort();
  const lonely = await OwnNode.start({
    name: 'Lonely Office',
    databaseUrl: await createDatabase(servers.target.database_url, 'lonely'),
    peers: `Island Branch=http://127.0.0.1:${nowhere}`,
    key: KEY,
  });
  const panel = new Panel(page, lonely);
  await panel.signIn();

  await expect(page.getByText(/offline/i).filter({ visible: true }).first()).toBeVisible();
  await expect(panel.start('Pull')).toBeDisabled();
  await expectGoodLooks(page, 'full-sync-offline');
  await panel.leave();
  await lonely.stop();
});

test('a peer with another registration key is refused, and the panel says so', async ({ page, servers }) => {
  const { source, target } = servers;
  const stranger = await OwnNode.start({
    // A name that the peer knows: it is the key that is wrong.
    name: target.name,
    databaseUrl: await createDatabase(target.database_url, 'stranger'),
    peers: `${source.name}=${source.url}`,
    key: 'a key that nobody else has',
  });
  const panel = new Panel(page, stranger);
  await panel.signIn();

  await expect(page.getByText(/registration key/i).filter({ visible: true }).first()).toBeVisible();
  const card = page.locator('label').filter({ has: panel.peer(source.name) });
  await expect(card).toContainText('Refused');
  // Green is for what is proved.
  await expect(card.locator('.dot--bad')).toBeVisible();
  await expect(panel.start('Pull')).toBeDisabled();
  await expect(panel.start('Pull')).toHaveAccessibleDescription(/registration key/i);
  await expectGoodLooks(page, 'full-sync-wrong-key');
  await panel.leave();
  await stranger.stop();
});

test('a peer that dies in the middle is asked whether it has committed, and the next sync works', async ({ page, servers }) => {
  // A peer may be silent for a minute before it is given up.
  test.setTimeout(240_000);
  const [here, there] = [await freePort(), await freePort()];
  const [mine, theirs] = [
    await createDatabase(servers.target.database_url, 'pair_mine'),
    await createDatabase(servers.source.database_url, 'pair_theirs'),
  ];
  for (const database of [mine, theirs]) {
    await runFile(database, `${SHOP}/schema.sql`);
    await runFile(database, `${SHOP}/data.sql`);
  }
  await sql(mine, `update products set name = 'new' where id = 3`);
  const plan = { name: 'North', databaseUrl: theirs, peers: 'South', key: KEY, port: there };
  const south = await OwnNode.start({
    name: 'South',
    databaseUrl: mine,
    peers: `North=http://127.0.0.1:${there}`,
    key: KEY,
    port: here,
  });
  let north = await OwnNode.start(plan);
  const panel = new Panel(page, south);
  await panel.signIn();
  const before = await contents(theirs);
  const lock = await heldBeforeCommit(north);

  await panel.choose('Push', 'North');
  await panel.start('Push').click();
  const waits = `select count(*) from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()`;
  await expect.poll(() => sql(theirs, waits)).toEqual(['1']);
  await north.kill();

  await expect(panel.status).toContainText('Interrupted', { timeout: 90_000 });
  await lock.release();
  await expect(page.getByRole('heading', { name: 'North has not been heard from for 30 seconds or more.' })).toBeVisible();
  await expect(page.getByRole('heading', { name: 'Did North commit?' })).toBeVisible();
  await expect(page.getByText('Unchanged')).toHaveCount(0);
  await expectGoodLooks(page, 'full-sync-in-doubt');
  const [session] = await sql(mine, 'select id from tandem.session');
  const record = new Panel(await page.context().newPage(), south);
  await record.open(`/history/${session}`);
  await expect(record.page.getByRole('heading', { name: 'Did North commit?' })).toBeVisible();

  north = await OwnNode.start(plan);
  await expect(page.getByRole('heading', { name: 'North is as it was' })).toBeVisible({ timeout: 30_000 });
  await expect(record.page.getByRole('heading', { name: 'North is as it was' })).toBeVisible();
  await record.page.close();
  await expectGoodLooks(page, 'full-sync-failed');
  expect(await contents(theirs)).toEqual(before);
  const end = await ended(south, await startSync(south, 'pull', 'North'));
  expect(end.phase).toBe('verified');
  expect(await contents(mine)).toEqual(await contents(theirs));
  await panel.leave();
  await south.stop();
  await north.stop();
});
