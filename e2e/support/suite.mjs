// Tests that run on both databases: one demo and one Chromium a file and database, one browser context
// and one team of its own a test, so that tests of a file do not see each other.

import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { after, before, describe, test as nodeTest } from 'node:test';

import { startApp } from './app.mjs';
import { Browser, startBrowser } from './browser.mjs';
import { postgres, sqlite, whyNoPostgres } from './databases.mjs';
import { FAILURES } from './output.mjs';

/** The tests of a file, once a database. */
export function onBothDatabases(file, declare) {
  return on([sqlite, postgres], file, declare);
}

/** The tests of a file that are about the tests themselves. */
export function onOneDatabase(file, declare) {
  return on([sqlite], file, declare);
}

/**
 * Declares the tests. `declare` gets `test(title, options?, body)`; `body`
 * gets `app`, `browser`, and `open(options)` for another person's browser.
 */
async function on(databases, file, declare) {
  const name = path.basename(fileURLToPath(file), '.test.mjs');
  const skip = await whyNoPostgres();
  for (const database of databases) {
    describe(database.name, { skip: database === postgres && skip }, () => {
      const id = `${name}-${database.name.toLowerCase()}`;
      let app;
      let chromium;
      before(async () => {
        app = await startApp(id, database);
        chromium = await startBrowser();
      });
      after(async () => {
        await chromium?.close();
        await app?.stop();
      });
      declare((title, ...rest) => {
        const body = rest.pop();
        const [options = {}] = rest;
        nodeTest(title, { timeout: 120_000 }, async () => {
          const browsers = [];
          const open = async (more) => {
            const opened = await Browser.open(chromium, app, { ...options, ...more });
            browsers.push(opened);
            return opened;
          };
          try {
            await body({ app, browser: await open(), open });
          } catch (err) {
            await photograph(browsers, `${id} ${title}`);
            await Promise.allSettled(browsers.map((it) => it.context.close()));
            throw err;
          } finally {
            await app.control.clearFaults();
          }
          for (const browser of browsers) await browser.close();
        });
      });
    });
  }
}

async function photograph(browsers, title) {
  const name = title.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-');
  await mkdir(FAILURES, { recursive: true });
  const pages = browsers.flatMap((it) => it.context.pages());
  const shots = pages.map((page, index) =>
    page.screenshot({ path: path.join(FAILURES, `${name}-${index}.png`), fullPage: true, timeout: 5_000 }),
  );
  // A picture that cannot be taken must not hide the failure.
  await Promise.allSettled(shots);
}
