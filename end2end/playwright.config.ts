// The browser tests: Debian's Chromium, one worker, two real nodes on two real PostgreSQL servers.

import { defineConfig } from '@playwright/test';

import { SCREENSHOTS } from './support/looks.ts';

export default defineConfig({
  testDir: 'tests',
  outputDir: 'test-results',
  // The tests of a run share two nodes, and a node syncs one thing at a time.
  workers: 1,
  fullyParallel: false,
  forbidOnly: process.env.CI === 'true',
  retries: 0,
  timeout: 60_000,
  expect: { timeout: 15_000 },
  reporter: [['list'], ['html', { open: 'never', outputFolder: 'playwright-report' }]],
  globalSetup: './support/clean.ts',
  use: {
    browserName: 'chromium',
    trace: 'retain-on-failure',
    screenshot: 'only-on-failure',
    launchOptions: {
      executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
      args: [
        // Root may not use the sandbox, and containers have no room in /dev/shm.
        '--no-sandbox',
        '--disable-dev-shm-usage',
        '--disable-gpu',
        // Nothing is asked of anybody but our nodes.
        '--disable-quic',
        '--no-first-run',
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync',
      ],
    },
  },
  metadata: { screenshots: SCREENSHOTS },
});
