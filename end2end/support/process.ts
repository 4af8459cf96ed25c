// A program of ours -> a running child that ends with the tests, however they end.

import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { createServer } from 'node:net';
import { resolve } from 'node:path';
import type { Readable, Writable } from 'node:stream';

const TARGET = process.env.CARGO_TARGET_DIR ?? resolve(import.meta.dirname, '../../target');

/** The binary under test; TANDEM_BIN names another one. */
export const TANDEM = resolve(process.env.TANDEM_BIN ?? resolve(TARGET, 'debug/tandem'));

const READY_MS = 60_000;
const GONE_MS = 20_000;

/** It ends when its standard input is closed, which the operating system does for us if we die. */
export class Child {
  readonly process: ChildProcessByStdio<Writable, Readable, Readable>;
  /** The end of what it wrote to its error output, for messages. */
  log = '';
  private readonly ended: Promise<void>;

  constructor(args: string[], env: NodeJS.ProcessEnv = {}, cwd?: string) {
    this.process = spawn(TANDEM, [...args, '--exit-with-parent'], {
      stdio: ['pipe', 'pipe', 'pipe'],
      env: { PATH: process.env.PATH, HOME: process.env.HOME, ...env },
      ...(cwd === undefined ? {} : { cwd }),
    });
    this.process.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.log = (this.log + text).slice(-8_000);
    });
    this.ended = new Promise((done) => this.process.once('close', () => done()));
    this.process.once('error', (error) => (this.log += String(error)));
  }

  /** Its standard output so far, as soon as that has `what` in it. */
  said(what: RegExp): Promise<string> {
    return new Promise((done, failed) => {
      let text = '';
      const limit = setTimeout(() => failed(this.fault('said nothing in time')), READY_MS);
      this.process.stdout.setEncoding('utf8').on('data', (part: string) => {
        text += part;
        if (!what.test(text)) return;
        clearTimeout(limit);
        done(text);
      });
      this.process.once('close', () => {
        clearTimeout(limit);
        failed(this.fault('ended by itself'));
      });
    });
  }

  /** The first line of its standard output. */
  async firstLine(): Promise<string> {
    const text = await this.said(/\n/);
    return text.slice(0, text.indexOf('\n'));
  }

  async stop(): Promise<void> {
    this.process.stdin.end();
    const limit = setTimeout(() => this.process.kill('SIGKILL'), GONE_MS);
    await this.ended;
    clearTimeout(limit);
  }

  /** Without any chance to say good-bye. */
  async kill(): Promise<void> {
    this.process.kill('SIGKILL');
    await this.ended;
  }

  private fault(what: string): Error {
    return new Error(`${TANDEM} ${what}. The end of its log:\n${this.log}`);
  }
}

/**
 * Below the ports that the system hands out by itself: nobody is given one of these before its node takes it. And above
 * 10080, the last one that browsers refuse to talk to.
 */
const FIRST_PORT = 20_000;
const PORTS = 10_000;
let asked = Math.floor(Math.random() * PORTS);

/** A port that nobody listens on. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = FIRST_PORT + (asked++ % PORTS);
    if (await isFree(port)) return port;
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((done, failed) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => (error.code === 'EADDRINUSE' ? done(false) : failed(error)));
    server.listen(port, '127.0.0.1', () => server.close(() => done(true)));
  });
}
