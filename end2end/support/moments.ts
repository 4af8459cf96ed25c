// A node -> the moments of its life that tests need: at rest, empty, in the middle of a sync, done.

import { expect } from '@playwright/test';

import { startSync, status, type Address, type Status } from './node.ts';
import { empty, Lock, sql } from './psql.ts';

const FINAL = ['verified', 'completed', 'failed', 'cancelled', 'interrupted', 'undone', 'previewed'];

export async function ended(node: Address, session: string): Promise<Status> {
  let last: Status | undefined;
  await expect
    .poll(async () => FINAL.includes((last = await status(node, session)).phase), {
      message: 'the sync comes to an end',
      timeout: 60_000,
      intervals: [200],
    })
    .toBe(true);
  return last!;
}

/** The target has no row. */
export async function emptied(target: Address): Promise<void> {
  await empty(target.database_url);
}

/** The target has the source's rows, because a sync has brought them; returns which. */
export async function inSync(target: Address, source: Address): Promise<string> {
  const session = await startSync(target, 'pull', source.name, { deletes: 'mirror' });
  const end = await ended(target, session);
  expect(end.phase, end.error?.message ?? end.message).toBe('verified');
  return session;
}

/**
 * Holds every sync into `node` in step 4, before its first write, until the lock is released: another client has a
 * table in hand that `changed` has written to. The sync gives up after some 25 s, so a test has to be quicker.
 */
export function heldBeforeCommit(node: Address, table = 'products'): Promise<Lock> {
  return Lock.take(node.database_url, table, 'exclusive');
}

/** Holds every sync out of `node` in step 1: pg_dump waits for the table. */
export function heldInBackup(node: Address): Promise<Lock> {
  return Lock.take(node.database_url, 'businesses', 'access exclusive');
}

/** Some rows at `node` become other, more and fewer than before, as often as it is asked for. */
export async function changed(node: Address): Promise<void> {
  await sql(
    node.database_url,
    `update products set name = name || ' (new)' where id % 10 = 3;
     delete from loyalty_points where ctid in (select ctid from loyalty_points order by customer_id limit 5);
     insert into gift_cards (id, business_id, code, balance, expires_on)
     select md5('end2end' || n)::uuid, 1, 'END2END' || n, n, date '2027-01-01' from generate_series(1, 25) as n
     on conflict do nothing`,
  );
}
