// What the real binary sends, taken by a mail server and verified by a library of Standard Webhooks that are
// not ours: so that our sender and our tests cannot be wrong in the same way.

import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import http from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import readline from 'node:readline';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';

import { Webhook } from 'standardwebhooks';

const HERE = import.meta.dirname;
const BINARY =
  process.env.TFORMANCE_BINARY ?? path.resolve(HERE, '../../target/debug/tformance');
const PYTHON = process.env.FOREIGN_PYTHON ?? path.resolve(HERE, '../../target/foreign-python/bin/python');
const SECRET = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;
const TEAM = 'Äpfel & <Birnen>';

const run = promisify(execFile);

let folder;
let database;
let mailServer;
let mails;
let receiver;
let settings;
const hooks = [];
const waiting = [];

before(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'tformance-foreign-'));
  database = path.join(folder, 'tformance.db');
  mailServer = spawn(PYTHON, [path.join(HERE, 'python/mail_server.py')], { stdio: ['pipe', 'pipe', 'inherit'] });
  mails = readline.createInterface({ input: mailServer.stdout })[Symbol.asyncIterator]();
  const { value: port } = await mails.next();
  receiver = http.createServer(async (req, res) => {
    const chunks = [];
    for await (const chunk of req) chunks.push(chunk);
    hooks.push({ headers: req.headers, body: Buffer.concat(chunks).toString() });
    res.writeHead(204).end();
    waiting.shift()?.();
  });
  receiver.listen(0, '127.0.0.1');
  await once(receiver, 'listening');
  settings = {
    PATH: process.env.PATH,
    DATABASE_URL: `sqlite://${database}`,
    LISTEN: '127.0.0.1:0',
    METRICS_LISTEN: '',
    BASE_URL: 'http://127.0.0.1:8000',
    SMTP_URL: `smtp://127.0.0.1:${port}`,
    MAIL_FROM: 'Tformance <tformance@example.org>',
    WEBHOOK_URL: `http://127.0.0.1:${receiver.address().port}/hook`,
    WEBHOOK_SECRET: SECRET,
  };
  settings.ENCRYPTION_KEYS = (await tformance('keys', 'generate')).trim();
  await tformance('migrate');
  await tformance('admin', 'create-user', 'ada@example.com', '--name', 'Ada Admin');
  await tformance('admin', 'create-team', TEAM, '--admin', 'ada@example.com');
});

after(async () => {
  mailServer?.stdin.end();
  receiver?.close();
  receiver?.closeAllConnections();
  await rm(folder, { recursive: true, force: true });
});

async function tformance(...args) {
  const { stdout } = await run(BINARY, args, { env: settings, cwd: folder });
  return stdout;
}

async function nextMail() {
  const { value } = await mails.next();
  return JSON.parse(value);
}

async function nextHook() {
  if (hooks.length === 0) await new Promise((done) => waiting.push(done));
  return hooks.shift();
}

/** Fails where the library does not take the signature. */
function verified({ headers, body }, secret = SECRET) {
  return new Webhook(secret).verify(body, headers);
}

test('a mail that tries the way is taken', async () => {
  assert.match(await tformance('admin', 'test-mail', 'ada@example.com'), /took it/);
  const mail = await nextMail();
  assert.deepEqual(mail.to, ['ada@example.com']);
  assert.deepEqual(mail.defects, []);
});

test('an event that tries the way is verified', async () => {
  assert.match(await tformance('admin', 'test-webhook'), /took it/);
  const hook = await nextHook();
  assert.equal(verified(hook).type, 'test');
  const other = `whsec_${Buffer.alloc(32, 8).toString('base64')}`;
  assert.throws(() => verified(hook, other), /signature/i);
  assert.throws(() => verified({ ...hook, body: `${hook.body} ` }), /signature/i);
});

test('while a secret is rotated both verify', async () => {
  const next = `whsec_${Buffer.alloc(32, 9).toString('base64')}`;
  settings.WEBHOOK_SECRET = `${next},${SECRET}`;
  await tformance('admin', 'test-webhook');
  settings.WEBHOOK_SECRET = SECRET;
  const hook = await nextHook();
  assert.equal(verified(hook).type, 'test');
  assert.equal(verified(hook, next).type, 'test');
});

test('the server sends what an incident left in the outbox, once', async () => {
  const written = await run(PYTHON, [path.join(HERE, 'python/write_notice.py'), database]);
  const ids = Object.fromEntries(written.stdout.trim().split('\n').map((it) => it.split(' ')));
  const server = spawn(BINARY, ['serve'], { env: settings, cwd: folder, stdio: ['ignore', 'inherit', 'inherit'] });
  const ended = once(server, 'exit');
  const [mail, hook] = await Promise.all([nextMail(), nextHook()]);
  server.kill('SIGINT');
  assert.deepEqual(await ended, [0, null]);

  assert.deepEqual(mail.to, ['ada@example.com']);
  assert.equal(mail.from, 'tformance@example.org');
  assert.equal(mail.headers.subject, `Jira for ${TEAM} needs to be reconnected`);
  assert.equal(mail.headers['message-id'], `<${ids.mail}@example.org>`);
  assert.equal(mail.headers['auto-submitted'], 'auto-generated');
  assert.deepEqual(mail.defects, []);
  assert.match(mail.text, /Atlassian no longer accepts the connection to Acme/);
  assert.match(mail.text, /Reports cannot read issues since/);
  assert.match(mail.text, /http:\/\/127\.0\.0\.1:8000\/a\/[a-z0-9-]+\/integrations\/jira\//);
  assert.match(mail.html, /&lt;Birnen&gt;/);

  assert.equal(hook.headers['webhook-id'], `msg_${ids.webhook}`);
  const event = verified(hook);
  assert.equal(event.type, 'connection.state_changed');
  assert.equal(event.data.connection.state, 'reconnect_needed');
  assert.equal(event.data.connection.team.name, TEAM);
  assert.equal(hooks.length, 0);
});
