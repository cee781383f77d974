// A connection that nobody used for hours works at its first use.

import assert from 'node:assert/strict';

import { Atlassian } from './pages/atlassian.mjs';
import { IntegrationsPage } from './pages/integrations.mjs';
import { onBothDatabases } from './support/suite.mjs';

await onBothDatabases(import.meta.url, (test) => {
  test('the first use two hours later works, after one refresh', async ({ app, browser }) => {
    const { cookie, paths } = await app.signUp();
    await browser.use(cookie);
    const tab = await browser.tab();
    const integrations = await new IntegrationsPage(tab, app).visit(paths[0]);
    await integrations.connect();
    await (await new Atlassian(tab, app).signIn('Sam One')).accept();
    await integrations.shows('Connected');
    const first = await app.control.tokens('Sam One');
    const before = await app.control.counts();
    assert.deepEqual([before.exchange, before.refresh], [1, 0]);

    await app.control.advance(7_200);
    await integrations.testConnection();
    await integrations.status().getByText(/^It works: Jira answered in \d+ ms as Sam One\.$/).waitFor();
    const after = await app.control.counts();
    assert.equal(after.refresh, 1, 'one refresh, and it was the first use of that refresh token');
    assert.equal(after.refresh_reused + after.refresh_refused, 0);
    assert.equal(after.token_requests, before.token_requests + 1);
    // Where the scheduler was first, it has looked at the site too: a list of sites, then one `myself`.
    const looks = after.resources - before.resources;
    const asked = after.myself - before.myself;
    assert.ok(looks <= 1 && asked >= 1 && asked <= 1 + looks,
      `Jira was asked with a token that had ended: ${asked} calls, ${looks} looks at the site`);
    const second = await app.control.tokens('Sam One');
    assert.notEqual(second.refresh, first.refresh, 'the refresh token was rotated');

    await integrations.testConnection();
    await integrations.status().getByText(/^It works/).waitFor();
    assert.equal((await app.control.counts()).refresh, 1, 'the new pair is used');
  });
});
