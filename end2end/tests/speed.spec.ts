// How soon the panel can be used, and whether it ever keeps the browser busy: of the release build only.

import { ended, inSync } from '../support/moments.ts';
import { startSync } from '../support/node.ts';
import { Panel } from '../support/panel.ts';
import { TANDEM } from '../support/process.ts';
import { expect, test } from '../support/fixtures.ts';

const LOADS = 5;
const INTERACTIVE_MS = 1_000;
/** Chromium calls a task long from 50 ms on. */
const LONG_TASKS = 0;

interface Measured {
  interactive?: number;
  longTasks: number[];
}

declare global {
  // eslint-disable-next-line no-var
  var measured: Measured;
}

test.skip(!TANDEM.includes('/release/'), 'the development panel is built quickly, not for speed');

test('the panel is interactive within a second and has no long task', async ({ browser, servers, panel }) => {
  const { target, source } = servers;
  let last = await inSync(target, source);
  const state = await panel.page.context().storageState();
  const found: Measured[] = [];
  for (let load = 0; load < LOADS; load += 1) {
    // Nothing is cached in a new context.
    const context = await browser.newContext({ storageState: state });
    await context.addInitScript(watch);
    const page = await context.newPage();
    // The page to choose on, not the result of the last sync.
    await page.goto(new URL(`/?new=${last}`, target.url).toString());
    await expect(new Panel(page, target).start('Pull')).toBeEnabled();
    // And while a sync is watched.
    last = await startSync(target, 'pull', source.name);
    await ended(target, last);
    await expect(page.getByRole('status')).toContainText(/verified/i);
    found.push(await page.evaluate(() => globalThis.measured));
    await context.close();
  }

  const times = found.map(({ interactive }) => Math.round(interactive ?? Infinity)).sort((a, b) => a - b);
  const long = found.flatMap(({ longTasks }) => longTasks.map(Math.round));
  console.log(`interactive after ${times.join(', ')} ms; long tasks: ${long.join(', ') || 'none'}`);
  expect(times[Math.floor(LOADS / 2)], 'ms until the panel is interactive, the median').toBeLessThan(INTERACTIVE_MS);
  expect(long.length, `long tasks: ${long.join(', ')} ms`).toBeLessThanOrEqual(LONG_TASKS);
});

/** Runs in the page before anything else. */
function watch(): void {
  const measured: Measured = { longTasks: [] };
  globalThis.measured = measured;
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) measured.longTasks.push(entry.duration);
  }).observe({ type: 'longtask', buffered: true });
  // The button to start is the last thing that becomes live.
  new MutationObserver(() => {
    const start = document.querySelector<HTMLButtonElement>('.button--wide');
    if (start !== null && !start.disabled) measured.interactive ??= performance.now();
  }).observe(document, { subtree: true, childList: true, attributeFilter: ['disabled'] });
}
