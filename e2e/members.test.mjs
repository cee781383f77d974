// What a member sees who is no admin, and what strangers see.

import assert from 'node:assert/strict';

import { IntegrationsPage } from './pages/integrations.mjs';
import { ProblemPage } from './pages/problem.mjs';
import { MAX } from './support/app.mjs';
import { onBothDatabases } from './support/suite.mjs';

await onBothDatabases(import.meta.url, (test) => {
  test('a member sees the button off, with the reason', async ({ app, browser }) => {
    await browser.use(await app.signIn(MAX));
    const tab = await browser.tab();
    const integrations = await new IntegrationsPage(tab, app).visit('/a/acme/integrations/');
    await integrations.shows('Not connected');
    assert.ok(await integrations.button('Connect Jira').isDisabled());
    await integrations.card().getByText('Only team admins can connect Jira. Admins: Ada Admin.').waitFor();
    const described = await integrations.button('Connect Jira').getAttribute('aria-describedby');
    assert.match(await tab.locator(`#${described}`).innerText(), /^Only team admins/);
  });

  test('a member who asks for the picker or the end of it is refused with the reason', async ({ app, browser }) => {
    await browser.use(await app.signIn(MAX));
    const tab = await browser.tab();
    for (const path of ['sites', 'disconnect']) {
      const problem = new ProblemPage(tab, app);
      await problem.open(`/a/acme/integrations/jira/${path}`);
      await problem.arrive('Only admins of Acme can do this');
      await problem.tab.getByText('Nothing was changed. Admins: Ada Admin.').waitFor();
    }
  });

  test('the team of others is a page that is not there', async ({ app, browser }) => {
    const { cookie } = await app.signUp();
    await browser.use(cookie);
    const tab = await browser.tab();
    for (const team of ['acme', 'no-such-team']) {
      const problem = new ProblemPage(tab, app);
      await problem.open(`/a/${team}/integrations/`);
      await problem.arrive('There is no such page');
      assert.equal(await problem.code(), 'not_found');
    }
  });
});
