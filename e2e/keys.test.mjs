// A key for a service: made, shown once, used, revoked.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';

import { KeysPage } from './pages/keys.mjs';
import { MAX } from './support/app.mjs';
import { takesFocus } from './support/keyboard.mjs';
import { onBothDatabases } from './support/suite.mjs';

/** What a service does with a key. */
async function ask(app, key) {
  const res = await fetch(`${app.url}/api/v1/integrations/jira/token`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}` },
  });
  return { status: res.status, code: (await res.json()).code };
}

/** What e2e/foreign runs. */
async function quickStart(name) {
  const text = await readFile(new URL(`../docs/quickstarts/${name}`, import.meta.url), 'utf8');
  return text.trimEnd();
}

await onBothDatabases(import.meta.url, (test) => {
  for (const script of [true, false]) {
    test(`a key from first to last ${script ? 'with' : 'without'} script`, { javaScriptEnabled: script }, async ({ app, browser }) => {
      const { cookie, paths } = await app.signUp();
      await browser.use(cookie);
      const tab = await browser.tab();
      const keys = await new KeysPage(tab, app).visit(paths[0].replace('integrations/', 'keys'));
      await tab.getByText('No service has a key yet.').waitFor();
      await keys.make('');
      await keys.alert().getByText('The name is missing.').waitFor();
      await keys.make('billing');
      const key = await keys.made('billing');
      assert.match(key, /^tfk_[\w-]{49}$/);
      const url = `${app.url}/api/v1/integrations/jira/token`;
      assert.equal(await keys.command(), `curl -X POST -H 'Authorization: Bearer ${key}' ${url}`);
      const copy = tab.getByRole('button', { name: 'Copy the key' });
      assert.equal(await copy.isVisible(), script);
      assert.deepEqual(await ask(app, key), { status: 409, code: 'connection_not_connected' });
      assert.equal(await keys.variables(), `export TFORMANCE_URL=${app.url}\nexport TFORMANCE_KEY=${key}`);
      assert.equal(await keys.quickStart('Python, jira'), await quickStart('python-jira.py'));

      // Once: the page itself has it no more.
      await tab.getByRole('navigation', { name: /^Pages of/ }).getByRole('link', { name: 'Keys' }).click();
      await keys.arrive();
      await keys.service('billing').waitFor();
      assert.ok(!(await tab.content()).includes('tfk_'));
      await keys.askToRevoke('billing');
      await keys.link('Cancel').click();
      await keys.arrive();
      assert.equal((await ask(app, key)).status, 409, 'asking changed nothing');
      await keys.askToRevoke('billing');
      await keys.confirm();
      await keys.status().getByText('The key is revoked.').waitFor();
      assert.deepEqual(await ask(app, key), { status: 401, code: 'key_revoked' });
    });
  }

  for (const script of [true, false]) {
    test(`a key that may do little, and the one after it, ${script ? 'with' : 'without'} script`, { javaScriptEnabled: script }, async ({ app, browser }) => {
      const { cookie, paths } = await app.signUp();
      await browser.use(cookie);
      const tab = await browser.tab();
      const keys = await new KeysPage(tab, app).visit(paths[0].replace('integrations/', 'keys'));
      const places = tab.getByLabel('Paths through the proxy');
      const day = tab.getByLabel('Last day');
      assert.ok(!(await places.isVisible()) && !(await day.isVisible()), 'what belongs to a choice comes with it');
      await keys.choose(['Proxy'], ['GET'], ['/rest/api/3/issue', 'elsewhere']);
      await tab.getByLabel('Ends').selectOption('On a day');
      await day.fill('2020-01-31');
      await keys.make('reports');
      // The link leads to a field further down.
      await keys.arrive();
      await keys.alert().getByRole('link', { name: 'Path 2 is not of the form' }).click();
      await takesFocus(places);
      assert.equal(await places.inputValue(), '/rest/api/3/issue\nelsewhere');
      assert.ok(await tab.getByRole('checkbox', { name: 'GET' }).isChecked());
      assert.equal(await day.inputValue(), '2020-01-31');
      await places.fill('/rest/api/3/issue');
      await tab.getByRole('checkbox', { name: 'Status' }).check();
      await tab.getByLabel('Ends').selectOption('In 30 days');
      await keys.button('Make a key').click();
      const first = await keys.made('reports');
      assert.deepEqual(await ask(app, first), { status: 403, code: 'key_may_not_token' });
      await tab.getByText('May ask for the status and GET /rest/api/3/issue').waitFor();
      await keys.button('Rotate the key of reports').click();
      await keys.isThere('A second key for reports is made', 2);
      const second = await tab.locator('[data-copy] code').first().innerText();
      assert.notEqual(second, first);
      for (const key of [first, second]) assert.equal((await ask(app, key)).code, 'key_may_not_token');
      assert.equal(await keys.service('reports').count(), 2);
      assert.equal(await keys.button('Rotate the key of reports').count(), 0);
      await keys.link('Revoke the older key of reports').click();
      await keys.isThere('Revoke the key of reports?');
      await tab.getByText('The newer key of reports goes on working.').waitFor();
      await keys.confirm();
      assert.deepEqual(await ask(app, first), { status: 401, code: 'key_revoked' });
      assert.deepEqual(await ask(app, second), { status: 403, code: 'key_may_not_token' });
    });
  }

  test('a member sees who has a key, and whom to ask', async ({ app, browser }) => {
    await browser.use(await app.signIn(MAX));
    const tab = await browser.tab();
    const keys = await new KeysPage(tab, app).visit('/a/acme/keys');
    await tab.getByText('Only team admins can make or revoke keys. Admins: Ada Admin.').waitFor();
    assert.equal(await keys.button('Make a key').count(), 0);
  });
});
