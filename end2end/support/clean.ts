// An old run's screenshots -> an empty folder, so that what lies there is of this run.

import { rm } from 'node:fs/promises';

import { SCREENSHOTS } from './looks.ts';

export default async function clean(): Promise<void> {
  await rm(SCREENSHOTS, { recursive: true, force: true });
}
