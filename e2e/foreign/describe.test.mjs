// The description of the API, read by a validator and tried by a tester of APIs that are not ours, against the
// real binary: so that our description and our tests cannot be wrong in the same way.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';

import { startApp } from '../support/app.mjs';
import { sqlite } from '../support/databases.mjs';
import { Team } from './team.mjs';

const HERE = import.meta.dirname;
const BIN = process.env.FOREIGN_PYTHON
  ? path.dirname(process.env.FOREIGN_PYTHON)
  : path.resolve(HERE, '../../target/foreign-python/bin');
const CONFIG = path.join(HERE, 'python/schemathesis.toml');

const run = promisify(execFile);

let app;
let folder;
let key;

before(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'tformance-describe-'));
  app = await startApp('describe', sqlite);
  const team = await Team.signIn(app);
  await team.connect('Mia Krystof', 'Acme');
  key = await team.makeKey('tester');
});

after(async () => {
  await app?.stop();
  await rm(folder, { recursive: true, force: true });
});

/** Everything that a program said, for the message of a failure. */
async function succeeds(command, args) {
  try {
    const { stdout, stderr } = await run(command, args, { cwd: folder, timeout: 300_000, maxBuffer: 1 << 26 });
    return stdout + stderr;
  } catch (err) {
    assert.fail(`${path.basename(command)} ended with ${err.code ?? err.signal}:\n${err.stdout}\n${err.stderr}`.replaceAll(key, 'tfk_…'));
  }
}

/** Tries every call; gives what was said. */
async function tryEveryCall(...args) {
  return succeeds(path.join(BIN, 'schemathesis'), [
    '--config-file', CONFIG, 'run', `${app.url}/api/openapi.json`, '--url', app.url, '--no-color', ...args,
  ]);
}

test('the description is OpenAPI 3.1', async () => {
  const res = await fetch(`${app.url}/api/openapi.json`);
  assert.equal(res.status, 200);
  const document = await res.text();
  assert.equal(JSON.parse(document).openapi, '3.1.0');
  const file = path.join(folder, 'openapi.json');
  await writeFile(file, document);
  const said = await succeeds(path.join(BIN, 'openapi-spec-validator'), [file]);
  assert.match(said, /: OK/);
});

/** Every call was tried, many of them in many ways. */
function triedAll(said, atLeast) {
  const [, tested] = said.match(/Tested: (\d+)/);
  const [, selected] = said.match(/Selected: \d+\/(\d+)/);
  assert.ok(Number(selected) >= 9 && tested === selected, said);
  const [, generated] = said.match(/(\d+) generated/);
  assert.ok(Number(generated) >= atLeast, said);
}

test('with a key, whatever is tried is answered as described', async () => {
  triedAll(await tryEveryCall('--header', `Authorization: Bearer ${key}`), 300);
});

test('without a key, whatever is tried is answered as described', async () => {
  triedAll(await tryEveryCall('--max-examples', '5'), 100);
});
