// `npm run pictures`: the pictures of the README, made anew from a running panel.

import config from './playwright.config.ts';

export default { ...config, testDir: 'pictures', testMatch: '*.picture.ts', globalSetup: undefined };
