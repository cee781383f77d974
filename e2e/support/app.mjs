// The real binary: `tformance demo` on free ports, with a folder and a database of its own.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { Control } from './control.mjs';
import { Output } from './output.mjs';

const BINARY = path.resolve(
  import.meta.dirname,
  '..',
  process.env.TFORMANCE_BIN ?? '../target/debug/tformance',
);

/** Who is there from the start. The password stands in what the demo prints: it is no secret. */
export const ADA = { name: 'Ada Admin', email: 'ada@example.com', password: 'demo password' };
export const MAX = { name: 'Max Member', email: 'max@example.com', password: 'demo password' };

/** Starts a demo; `name` names what it leaves behind. */
export async function startApp(name, database) {
  if (!existsSync(BINARY)) {
    throw new Error(`${BINARY} is missing; build it: cargo build (or set TFORMANCE_BIN)`);
  }
  const output = new Output(name);
  const opened = await database.open();
  const folder = await mkdtemp(path.join(tmpdir(), 'tformance-e2e-'));
  const args = ['demo', '--port', '0', '--log', 'debug', '--data', folder, ...opened.args];
  const child = spawn(BINARY, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const ended = once(child, 'exit');
  const printed = { stdout: '', stderr: '' };
  for (const from of ['stdout', 'stderr']) {
    child[from].setEncoding('utf8').on('data', (text) => {
      printed[from] += text;
      output.add('log', from === 'stdout' ? withoutKey(text, output) : text);
    });
  }
  const app = new App({ child, ended, printed, output, folder, opened });
  running.add(app);
  try {
    await app.started();
  } catch (err) {
    await app.abandon();
    throw err;
  }
  return app;
}

/** A demo prints the key of its service once, to be tried; it must stand nowhere else. */
function withoutKey(text, output) {
  return text.replace(/tfk_[\w-]{49}/g, (key) => {
    output.addSecrets(key);
    return 'tfk_…';
  });
}

/** Demos to be cleared away if the tests are ended from outside. */
const running = new Set();

for (const signal of ['SIGINT', 'SIGTERM']) {
  process.once(signal, async () => {
    await Promise.allSettled([...running].map((it) => it.abandon()));
    process.exit(1);
  });
}

/** A demo that runs. */
export class App {
  /** Its origin. */
  url;
  /** The simulator's origin. */
  simulator;
  /** The simulator's control address. */
  control;
  /** Where the demo's mails and webhooks come in. */
  inbox;
  /** What it leaves behind. */
  output;
  #process;
  #count = 0;

  constructor({ output, ...process }) {
    this.output = output;
    this.#process = process;
  }

  /** Waits for the addresses, which are printed once it serves. */
  async started() {
    const { child, ended, printed } = this.#process;
    const complete = new Promise((done) => {
      child.stdout.on('data', () => printed.stdout.includes('Ctrl-C') && done(true));
    });
    const isUp = await Promise.race([complete, ended.then(() => false)]);
    assert.ok(isUp, `the demo ended by itself:\n${printed.stderr}`);
    const address = (label) => {
      const found = printed.stdout.match(new RegExp(`^ *${label} +(http://\\S+)$`, 'm'));
      assert.ok(found, `the demo tells no ${label}:\n${printed.stdout}`);
      return found[1];
    };
    this.url = printed.stdout.split('\n', 1)[0];
    this.simulator = address('simulator');
    this.control = new Control(address('control'));
    this.inbox = address('inbox');
    assert.match(this.url, /^http:\/\/127\.0\.0\.1:\d+$/);
    assert.match(this.simulator, /^http:\/\/localhost:\d+$/, 'the way back must be cross-site');
  }

  /** What it told on standard output, with the key of its service. */
  get printed() {
    return this.#process.printed.stdout;
  }

  /** A person whom nobody has seen yet. */
  newPerson(name = 'Tess Test') {
    this.#count += 1;
    const password = randomBytes(12).toString('base64url');
    this.output.addSecrets(password);
    return { name, email: `person-${this.#count}@example.com`, password };
  }

  /**
   * A person with teams, made as a browser would make them but without one, so that a test can begin
   * with what it is about. Gives the person, the teams' addresses and the session's cookie.
   */
  async signUp({ teams = ['Rocket'], name } = {}) {
    const person = this.newPerson(name);
    const cookie = this.#cookieOf(await this.#post('/signup', undefined, person));
    const paths = [];
    for (const team of teams) {
      const res = await this.#post('/teams/new', cookie, { name: team });
      paths.push(new URL(res.headers.get('location'), this.url).pathname);
    }
    return { ...person, cookie, paths };
  }

  /** A session of somebody who is there already. */
  async signIn({ email, password }) {
    return this.#cookieOf(await this.#post('/login', undefined, { email, password }));
  }

  async #post(path, cookie, fields) {
    const res = await fetch(this.url + path, {
      method: 'POST',
      redirect: 'manual',
      headers: { origin: this.url, ...(cookie && { cookie: `${SESSION}=${cookie.value}` }) },
      body: new URLSearchParams(fields),
    });
    assert.equal(res.status, 303, `POST ${path}: ${await res.text()}`);
    return res;
  }

  // With the attributes that the app gave it, so that a browser treats it as its own.
  #cookieOf(res) {
    const [cookie] = res.headers.getSetCookie();
    const [, name, value] = cookie.match(/^([^=]+)=([^;]+)/);
    assert.equal(name, SESSION);
    this.output.addSecrets(value);
    return {
      name,
      value,
      url: this.url,
      httpOnly: /; *httponly/i.test(cookie),
      sameSite: cookie.match(/; *samesite=(\w+)/i)?.[1],
    };
  }

  /** Ends it as Ctrl-C does, and writes down what must be searched for secrets, and the secrets. */
  async stop() {
    const { child, ended, printed, folder, opened } = this.#process;
    const isUp = child.exitCode === null && child.signalCode === null;
    if (isUp) this.output.addSecrets(...(await this.control.secrets()));
    child.kill('SIGINT');
    const [code, signal] = await ended;
    const keys = await readFile(path.join(folder, 'encryption-keys'), 'utf8');
    // `id:key`, and the key alone.
    this.output.addSecrets(keys.trim(), keys.trim().split(':').at(-1));
    await opened.dump(folder, this.output.seen);
    await this.#clear();
    await this.output.close();
    assert.deepEqual({ code, signal }, { code: 0, signal: null }, `it ended badly:\n${printed.stderr}`);
  }

  /** Ends it at once, and leaves nothing behind. */
  async abandon() {
    const { child, ended } = this.#process;
    child.kill('SIGKILL');
    await ended;
    await this.#clear();
  }

  async #clear() {
    running.delete(this);
    await this.#process.opened.close();
    await rm(this.#process.folder, { recursive: true, force: true });
  }
}

/** The name of the session cookie over http. */
export const SESSION = 'tformance_session';
