// `tformance simulator`, started on free ports, and a person who walks through its consent.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export const CALLBACK = 'http://127.0.0.1:9/integrations/jira/callback';
export const SCOPES = 'read:jira-work read:jira-user offline_access';

/** The binary under test; TFORMANCE_BINARY names another than the one of `cargo build`. */
const BINARY =
  process.env.TFORMANCE_BINARY ?? fileURLToPath(new URL('../../target/debug/tformance', import.meta.url));

export class Simulator {
  #child;
  #ended;
  #control;

  /** Starts one and reads the variables that it prints. */
  static async start() {
    const args = ['simulator', '--auth-port', '0', '--api-port', '0', '--control-port', '0'];
    const child = spawn(BINARY, [...args, '--redirect-uri', CALLBACK], { stdio: ['ignore', 'pipe', 'inherit'] });
    const ended = new Promise((done) => {
      child.on('error', done);
      child.on('exit', (code, signal) => done({ code, signal }));
    });
    let printed = '';
    child.stdout.setEncoding('utf8');
    const complete = new Promise((done) => {
      child.stdout.on('data', (text) => {
        printed += text;
        if (/^# .*\n/m.test(printed)) done(true);
      });
    });
    const isUp = await Promise.race([complete, ended.then((how) => how)]);
    assert.equal(isUp, true, `the simulator ended by itself: ${JSON.stringify(isUp)} ${isUp.message ?? ''}`);
    return new Simulator(child, ended, printed);
  }

  constructor(child, ended, printed) {
    const variable = (name) => {
      const found = printed.match(new RegExp(`^${name}=(.+)$`, 'm'));
      assert.ok(found, `no ${name} in:\n${printed}`);
      return found[1];
    };
    this.#child = child;
    this.#ended = ended;
    this.#control = printed.match(/^# .*?(http:\S+)$/m)[1];
    this.authUrl = variable('JIRA_AUTH_URL');
    this.apiUrl = variable('JIRA_API_URL');
    this.clientId = variable('JIRA_CLIENT_ID');
    this.clientSecret = variable('JIRA_CLIENT_SECRET');
  }

  /** Asks the control address; gives its JSON, if any. */
  async control(method, path, body) {
    const res = await fetch(this.#control + path, {
      method,
      headers: body && { 'content-type': 'application/json' },
      body: body && JSON.stringify(body),
    });
    const text = await res.text();
    assert.ok(res.ok, `${method} ${path}: ${res.status} ${text}`);
    return text === '' ? undefined : JSON.parse(text);
  }

  counts() {
    return this.control('GET', '/counts');
  }

  advance(seconds) {
    return this.control('POST', '/clock', { advance_seconds: seconds });
  }

  /** Signs in as `account` and decides; gives the address that the browser is sent back to. */
  async consent(url, account, decision = 'accept') {
    const back = await consent(url, account, decision);
    assert.ok(back.href.startsWith(CALLBACK), back.href);
    return back;
  }

  async stop() {
    this.#child.kill('SIGINT');
    assert.deepEqual(await this.#ended, { code: 0, signal: null });
  }
}

/** A person at the simulated Atlassian: signs in as `account`, decides, and is sent back to the address that this gives. */
export async function consent(url, account, decision = 'accept') {
  const login = await moved(await fetch(url, { redirect: 'manual' }));
  const page = await (await fetch(login)).text();
  const id = page.match(new RegExp(`value="([^"]+)">${account}`))[1];
  const context = login.searchParams.get('context');
  const signedIn = await post(new URL('/login', login), { context, account: id });
  const [cookie] = signedIn.headers.getSetCookie();
  const decide = new URL('/oauth2/authorize/server/decide', login);
  return moved(await post(decide, { context, decision }, cookie.split(';', 1)[0]));
}

function post(url, fields, cookie) {
  return fetch(url, {
    method: 'POST',
    redirect: 'manual',
    headers: cookie ? { cookie } : {},
    body: new URLSearchParams(fields),
  });
}

async function moved(res) {
  assert.equal(res.status, 302, `${res.url}: ${res.status} ${await res.clone().text()}`);
  return new URL(res.headers.get('location'), res.url);
}
