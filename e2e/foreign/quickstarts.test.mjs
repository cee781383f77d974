// The quick starts of docs/api.md and of the page of keys, each run as it stands against a demo whose team has
// connected Jira: three Jira clients that are not ours, curl, and a program in Rust.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { after, before, test } from 'node:test';

import { startApp } from '../support/app.mjs';
import { sqlite } from '../support/databases.mjs';
import { Team } from './team.mjs';

const HERE = import.meta.dirname;
const QUICK_STARTS = path.resolve(HERE, '../../docs/quickstarts');
const PYTHON = process.env.FOREIGN_PYTHON ?? path.resolve(HERE, '../../target/foreign-python/bin/python');
const RUST = process.env.TFORMANCE_QUICKSTART_BIN ?? path.resolve(HERE, '../../target/debug/examples/quickstart');

/** What Mia sees on her site in the simulator. */
const PROJECTS = ['PLAT Platform', 'WEB Website'];

/** How each file is run. */
const RUN = {
  'curl.sh': (file) => run('sh', [file]).then(projectsIn),
  'python-jira.py': (file) => run(PYTHON, [file]).then(lines),
  'python-atlassian.py': (file) => run(PYTHON, [file]).then(lines),
  // From standard input, so that it finds the packages of this folder.
  'jira-js.mjs': async (file) => lines(await run(process.execPath, ['--input-type=module'], await readFile(file))),
  // Compiled with everything else: crates/app/examples/quickstart.rs.
  'rust-reqwest.rs': () => run(RUST, []).then(lines),
};

let app;
let team;
let cloudId;
let key;

before(async () => {
  app = await startApp('quickstarts', sqlite);
  team = await Team.signIn(app);
  cloudId = await team.connect('Mia Krystof', 'Acme');
  key = await team.makeKey('quick start');
});

after(() => app?.stop());

/** What a program printed, with nothing in its environment but what a quick start asks for. */
function run(command, args, input = '') {
  const env = { PATH: process.env.PATH, TFORMANCE_URL: app.url, TFORMANCE_KEY: key };
  return new Promise((done, failed) => {
    const child = execFile(command, args, { cwd: HERE, env, timeout: 60_000 }, (err, stdout, stderr) => {
      app.output.add('clients', stderr);
      if (err) failed(new Error(`${command} ${args}: ${stdout}${stderr}`, { cause: err }));
      else done(stdout);
    });
    child.stdin.end(input);
  });
}

function lines(stdout) {
  return stdout.trimEnd().split('\n');
}

function projectsIn(stdout) {
  return JSON.parse(stdout).values.map(({ key: id, name }) => `${id} ${name}`);
}

test('each quick start is run here', async () => {
  assert.deepEqual((await readdir(QUICK_STARTS)).sort(), Object.keys(RUN).sort());
});

test('a quick start lists the projects of the site, word for word', async (t) => {
  for (const [name, projects] of Object.entries(RUN)) {
    await t.test(name, async () => assert.deepEqual(await projects(path.join(QUICK_STARTS, name)), PROJECTS));
  }
});

test('what the demo prints works word for word', async () => {
  const commands = app.printed.match(/^ +curl .*$/gm);
  assert.equal(commands.length, 2);
  const [myself, token] = await Promise.all(commands.map((it) => run('sh', ['-c', it])));
  assert.equal(JSON.parse(myself).displayName, 'Mia Krystof');
  assert.equal(JSON.parse(token).token_type, 'Bearer');
});

test('a client that reads a thing anew by its link stays with us', async () => {
  const program = await readFile(path.join(QUICK_STARTS, 'python-jira.py'), 'utf8');
  // Its `update` and `delete` write to the same address.
  const anew = 'project.name = "forgotten"\nproject._find_by_url(project.self)\nprint(project.self, project.name)\n';
  const printed = lines(await run(PYTHON, ['-c', program + anew]));
  const proxy = `${app.url}/api/v1/integrations/jira/proxy`;
  assert.equal(printed.at(-1), `${proxy}/rest/api/2/project/10001 Website`);
});

test('a client that goes to the next page by its link stays with us', async () => {
  await app.control.changeSite(cloudId, { add_projects: 120 });
  const before = (await app.control.counts()).project_search;
  const projects = await RUN['python-atlassian.py'](path.join(QUICK_STARTS, 'python-atlassian.py'));
  assert.equal(projects.length, 122);
  assert.equal((await app.control.counts()).project_search, before + 3, 'pages of fifty');
});
