// The two databases that a demo can keep its things in. PostgreSQL is the one of TEST_POSTGRES_URL, else
// the one on this machine; a demo gets a schema of its own there, and nothing else is touched.

import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { cp, readdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

const LOCAL = ['root', 'postgres'].map((user) => `postgres://${user}@127.0.0.1:5432/test`);

const HOW_TO_GET_ONE =
  'no PostgreSQL: set TEST_POSTGRES_URL=postgres://USER:PASSWORD@HOST/DATABASE, or start one on ' +
  '127.0.0.1:5432 that lets root or postgres into the database "test"; psql and pg_dump are needed too ' +
  '(apt-get install postgresql postgresql-client)';

/** A file in the demo's own folder. */
export const sqlite = {
  name: 'SQLite',
  async open() {
    return {
      args: [],
      // What a crash would leave counts too: the write-ahead log beside the file.
      async dump(folder, name) {
        const files = await readdir(folder);
        const ours = files.filter((it) => it.startsWith('demo.db'));
        await Promise.all(ours.map((it) => cp(path.join(folder, it), `${name}.${it}`)));
      },
      async close() {},
    };
  },
};

/** A schema of its own in one server. */
export const postgres = {
  name: 'PostgreSQL',
  async open() {
    const server = await findServer();
    const schema = `e2e_${randomBytes(8).toString('hex')}`;
    await psql(server, `CREATE SCHEMA ${schema}`);
    const url = `${server}${server.includes('?') ? '&' : '?'}options[search_path]=${schema}&application_name=${schema}`;
    return {
      args: ['--database-url', url],
      async dump(_folder, name) {
        const args = ['--no-owner', `--schema=${schema}`, `--dbname=${server}`];
        const { stdout } = await run('pg_dump', args, { maxBuffer: 256 * 1024 * 1024 });
        await writeFile(`${name}.sql`, stdout);
        await writeFile(`${name}.bytes`, bytesOf(stdout));
      },
      close: () => psql(server, `DROP SCHEMA ${schema} CASCADE`),
    };
  },
};

/** Why PostgreSQL cannot be had, if that may be passed over: never where CI is set. */
export async function whyNoPostgres() {
  try {
    await findServer();
    return undefined;
  } catch (err) {
    if (process.env.CI) return undefined;
    return err.message;
  }
}

let found;

function findServer() {
  found ??= (async () => {
    const given = process.env.TEST_POSTGRES_URL;
    for (const url of given ? [given] : LOCAL) {
      try {
        await psql(url, 'SELECT 1');
        return url;
      } catch {
        // The next one, or the message below.
      }
    }
    throw new Error(HOW_TO_GET_ONE);
  })();
  return found;
}

async function psql(url, sql) {
  const args = ['--no-psqlrc', '--quiet', '--set=ON_ERROR_STOP=1', `--dbname=${url}`, `--command=${sql}`];
  await run('psql', args, { env: { ...process.env, PGCONNECT_TIMEOUT: '5', PGOPTIONS: '-c client_min_messages=warning' } });
}

// A dump tells bytes as hexadecimal digits, in which no secret would be found.
function bytesOf(dump) {
  const found = dump.match(/\\\\x[0-9a-f]+/g) ?? [];
  return Buffer.concat(found.map((it) => Buffer.from(`${it.slice(3)}0a`, 'hex')));
}
