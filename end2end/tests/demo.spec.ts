// What `tandem demo` prints is all that somebody needs who tries Tandem.

import { exec } from 'node:child_process';
import { promisify } from 'node:util';

import { Child } from '../support/process.ts';
import { contents, sql } from '../support/psql.ts';
import { expect, test } from '../support/fixtures.ts';

test('the demo says how to change rows, and how to sync again', async () => {
  const demo = new Child(['demo', '--port', '0']);
  const said = await demo.said(/Ctrl-C ends the demo/);
  const [target = '', source = ''] = said.match(/postgres:\S+/g) ?? [];
  const [command = ''] = said.match(/TANDEM_API_TOKEN=.+/) ?? [];

  await sql(source, `update branches set name = name || '!' where id = 1`);
  const { stdout } = await promisify(exec)(command);

  expect(stdout).toMatch(/0 inserted, 1 updated, 0 deleted, [\d,]+ unchanged in .+ · .+ sent at .+\/s for \d+ B of rows/);
  expect(await contents(target)).toEqual(await contents(source));
  await demo.stop();
});
