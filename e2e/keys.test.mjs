// A key for a service: made, shown once, used, revoked.

import assert from 'node:assert/strict';

import { KeysPage } from './pages/keys.mjs';
import { MAX } from './support/app.mjs';
import { onBothDatabases } from './support/suite.mjs';

/** What a service does with a key. */
async function ask(app, key) {
  const res = await fetch(`${app.url}/api/v1/integrations/jira/token`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}` },
  });
  return { status: res.status, code: (await res.json()).code };
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

      // Once: the page itself has it no more.
      await tab.getByRole('navigation', { name: /^Pages of/ }).getByRole('link', { name: 'Keys' }).click();
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

  test('a member sees who has a key, and whom to ask', async ({ app, browser }) => {
    await browser.use(await app.signIn(MAX));
    const tab = await browser.tab();
    const keys = await new KeysPage(tab, app).visit('/a/acme/keys');
    await tab.getByText('Only team admins can make or revoke keys. Admins: Ada Admin.').waitFor();
    assert.equal(await keys.button('Make a key').count(), 0);
  });
});
