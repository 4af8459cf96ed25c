// A name and a database -> a running `tandem serve` and the calls that scripts make to it.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { Child, freePort } from './process.ts';

/** Where a node is and how to get in. */
export interface Address {
  name: string;
  url: string;
  database_url: string;
  password: string;
  api_token: string;
}

export interface Plan {
  name: string;
  databaseUrl: string;
  /** `name=url,…`, as in TANDEM_PEERS. */
  peers: string;
  key: string;
  port?: number;
}

/** What the tests read of a sync's status. */
export interface Status {
  session_id: string;
  phase: string;
  step: number;
  percent: number;
  message: string;
  rows_done: number;
  error: { code: string; message: string; hint?: string } | null;
  result: { inserted: number; updated: number; deleted: number; unchanged: number; rows: number } | null;
}

const PASSWORD = 'end-to-end-password';

/** A node that a test starts for itself. */
export class OwnNode implements Address {
  readonly name: string;
  readonly url: string;
  readonly database_url: string;
  readonly password = PASSWORD;
  readonly api_token = 'end-to-end-token';

  private constructor(
    plan: Plan,
    port: number,
    private readonly home: string,
    private readonly child: Child,
  ) {
    this.name = plan.name;
    this.url = `http://127.0.0.1:${port}/`;
    this.database_url = plan.databaseUrl;
  }

  static async start(plan: Plan): Promise<OwnNode> {
    const port = plan.port ?? (await freePort());
    const home = await mkdtemp(join(tmpdir(), 'tandem-end2end-'));
    const child = new Child(
      ['serve'],
      {
        DATABASE_URL: plan.databaseUrl,
        TANDEM_NAME: plan.name,
        TANDEM_LISTEN: `127.0.0.1:${port}`,
        TANDEM_DATA_DIR: join(home, 'data'),
        TANDEM_PEERS: plan.peers,
        TANDEM_ADMIN_PASSWORD: PASSWORD,
        TANDEM_API_TOKEN: 'end-to-end-token',
        SYNC_REGISTRATION_KEY: plan.key,
      },
      home,
    );
    // It says `NAME is ready at URL` once it listens.
    await child.firstLine();
    return new OwnNode(plan, port, home, child);
  }

  async stop(): Promise<void> {
    await this.child.stop();
    await rm(this.home, { recursive: true, force: true });
  }

  async kill(): Promise<void> {
    await this.child.kill();
  }
}

/** Calls the node as a script does. Throws on any status but 2xx, with what the node said. */
export async function call<T>(node: Address, method: 'GET' | 'POST', path: string, body?: unknown): Promise<T> {
  const response = await fetch(new URL(path, node.url), {
    method,
    headers: { authorization: `Bearer ${node.api_token}`, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
  return JSON.parse(text) as T;
}

export async function startSync(
  node: Address,
  action: 'pull' | 'push',
  peer: string,
  options: Record<string, unknown> = {},
): Promise<string> {
  const request = { action, peer, options };
  const { session_id } = await call<{ session_id: string }>(node, 'POST', '/api/admin/sync/full-sync', { request });
  return session_id;
}

/** Answers with the session that ends with the preview. */
export async function startPreview(
  node: Address,
  action: 'pull' | 'push',
  peer: string,
  options: Record<string, unknown> = {},
): Promise<string> {
  const request = { action, peer, options };
  const { session_id } = await call<{ session_id: string }>(node, 'POST', '/api/admin/sync/preview', { request });
  return session_id;
}

/** The newest session of a node, whatever it was for. */
export async function newest(node: Address): Promise<Status> {
  const { sessions } = await call<{ sessions: { session_id: string }[] }>(node, 'GET', '/api/admin/sync/history');
  return status(node, sessions[0]!.session_id);
}

export function status(node: Address, session: string): Promise<Status> {
  return call<Status>(node, 'GET', `/api/sync/backup-progress?session_id=${session}`);
}
