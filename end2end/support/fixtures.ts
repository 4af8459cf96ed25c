// What a test is given: two nodes on two PostgreSQL servers, and a page that is signed in and tolerates no error.

import { test as base, expect, type Page } from '@playwright/test';

import { Panel } from './panel.ts';
import { Child } from './process.ts';
import { type Address } from './node.ts';

/** As `tandem demo` makes them: the sample shop lies at the source, its bare tables at the target. */
export interface TwoServers {
  target: Address;
  source: Address;
}

interface Facts {
  nodes: [Address, Address];
}

export const test = base.extend<{ panel: Panel; strict: void }, { servers: TwoServers }>({
  servers: [
    async ({}, use) => {
      const demo = new Child(['demo', '--no-sync', '--json', '--port', '0']);
      const { nodes } = JSON.parse(await demo.firstLine()) as Facts;
      await use({ target: nodes[0], source: nodes[1] });
      await demo.stop();
    },
    { scope: 'worker', timeout: 120_000 },
  ],

  // Whatever the browser's console calls an error fails the test in which it happened.
  strict: [
    async ({ page }, use) => {
      const errors = watchErrors(page);
      await use();
      expect(errors, 'errors on the console').toEqual([]);
    },
    { auto: true },
  ],

  panel: async ({ page, servers }, use) => {
    const panel = new Panel(page, servers.target);
    await panel.signIn();
    await use(panel);
  },
});

export { expect };

/** Collects what goes wrong on a page. */
export function watchErrors(page: Page): string[] {
  const errors: string[] = [];
  page.on('pageerror', (error) => errors.push(String(error)));
  page.on('console', (message) => {
    if (message.type() === 'error') errors.push(`${message.text()} (${message.location().url})`);
  });
  return errors;
}
