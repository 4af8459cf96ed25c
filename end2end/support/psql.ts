// SQL -> what PostgreSQL's own client answers. Shares nothing with Tandem, so it can bear witness.

import { execFile, spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { promisify } from 'node:util';

const PSQL = findPsql();
const FLAGS = ['--no-psqlrc', '--quiet', '--tuples-only', '--no-align', '--set=ON_ERROR_STOP=1'];

/** Runs statements and returns the output's lines. */
export async function sql(databaseUrl: string, statements: string): Promise<string[]> {
  const { stdout } = await promisify(execFile)(PSQL, [...FLAGS, '--command', statements, databaseUrl], {
    maxBuffer: 64 << 20,
  });
  return stdout.split('\n').filter((line) => line !== '');
}

/** Runs a file of statements. */
export async function runFile(databaseUrl: string, file: string): Promise<void> {
  await promisify(execFile)(PSQL, [...FLAGS, '--file', file, databaseUrl], { maxBuffer: 64 << 20 });
}

/** Makes or copies a database on the same server; returns its address. */
export async function createDatabase(databaseUrl: string, name: string, template = 'template0'): Promise<string> {
  const admin = inDatabase(databaseUrl, 'postgres');
  await sql(admin, `create database "${name}" template "${template}"`);
  return inDatabase(databaseUrl, name);
}

function inDatabase(databaseUrl: string, name: string): string {
  const url = new URL(databaseUrl);
  url.pathname = `/${name}`;
  return url.toString();
}

/** Every table's rows as one hash a table, whatever order they lie in: `name rows hash`. */
export async function contents(databaseUrl: string): Promise<string[]> {
  const tables = await sql(
    databaseUrl,
    `select format('%I.%I', n.nspname, c.relname) from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where c.relkind in ('r', 'p') and not c.relispartition
       and n.nspname not in ('pg_catalog', 'information_schema', 'tandem') order by 1`,
  );
  const each = tables.map(
    (table) => `select '${table.replaceAll("'", "''")}' || ' ' || count(*) || ' ' ||
      coalesce(md5(string_agg(t::text, e'\\n' order by t::text collate "C")), '-') from ${table} t`,
  );
  return sql(databaseUrl, each.join(' union all ') + ' order by 1');
}

/** Removes every row of every table. */
export async function empty(databaseUrl: string): Promise<void> {
  await sql(
    databaseUrl,
    `do $$ declare tables text; begin
       select string_agg(format('%I.%I', n.nspname, c.relname), ', ') into tables
       from pg_class c join pg_namespace n on n.oid = c.relnamespace
       where c.relkind in ('r', 'p') and not c.relispartition
         and n.nspname not in ('pg_catalog', 'information_schema', 'tandem');
       execute 'truncate ' || tables || ' cascade';
     end $$`,
  );
}

/** A lock that is held until it is released: how a test makes a sync wait at a place of its choice. */
export class Lock {
  private constructor(private readonly client: ChildProcessWithoutNullStreams) {}

  static async take(databaseUrl: string, table: string, mode: 'exclusive' | 'access exclusive'): Promise<Lock> {
    const client = spawn(PSQL, [...FLAGS, databaseUrl]);
    const taken = new Promise<void>((done, failed) => {
      let errors = '';
      client.stderr.on('data', (text) => (errors += String(text)));
      client.stdout.on('data', (text) => String(text).includes('taken') && done());
      client.once('close', () => failed(new Error(`the lock on ${table} was not taken: ${errors}`)));
    });
    client.stdin.write(`begin; lock table ${table} in ${mode} mode; select 'taken';\n`);
    await taken;
    return new Lock(client);
  }

  /** Does nothing when it is released already. */
  async release(): Promise<void> {
    if (this.client.exitCode !== null) return;
    const closed = new Promise((done) => this.client.once('close', done));
    this.client.stdin.end('rollback;\n');
    await closed;
  }
}

function findPsql(): string {
  const debian = '/usr/lib/postgresql';
  const newestFirst = (a: string, b: string) => Number(b) - Number(a);
  const versions = existsSync(debian) ? readdirSync(debian).sort(newestFirst) : [];
  const folders = [process.env.TANDEM_PG_BIN, ...versions.map((version) => `${debian}/${version}/bin`)];
  return folders.map((folder) => `${folder}/psql`).find((program) => existsSync(program)) ?? 'psql';
}
