// Who changed what, and what services called: looked through, and taken home as files.

import assert from 'node:assert/strict';

import { AuditPage } from './pages/audit.mjs';
import { KeysPage } from './pages/keys.mjs';
import { ProblemPage } from './pages/problem.mjs';
import { MAX } from './support/app.mjs';
import { press } from './support/keyboard.mjs';
import { onBothDatabases } from './support/suite.mjs';

await onBothDatabases(import.meta.url, (test) => {
  for (const script of [true, false]) {
    test(`from a change to a file ${script ? 'with' : 'without'} script`, { javaScriptEnabled: script }, async ({ app, browser }) => {
      const { cookie, paths } = await app.signUp();
      await browser.use(cookie);
      const tab = await browser.tab();
      const keys = await new KeysPage(tab, app).visit(paths[0].replace('integrations/', 'keys'));
      await keys.make('billing');
      const key = await keys.made('billing');
      const res = await fetch(`${app.url}/api/v1/integrations/jira`, { headers: { authorization: `Bearer ${key}` } });
      assert.equal(res.status, 200);

      await tab.getByRole('navigation', { name: /^Pages of/ }).getByRole('link', { name: 'Audit' }).click();
      const audit = await new AuditPage(tab, app).arrive();
      const told = await audit.rows().locator('td:nth-child(2)').allInnerTexts();
      assert.deepEqual(told, ['Key made\nit may do everything', 'Team made']);
      await audit.field('What it is about').selectOption('Keys');
      await audit.show();
      await audit.rows().getByText('Team made').waitFor({ state: 'detached' });
      assert.equal(await audit.rows().count(), 1);
      assert.equal(await audit.field('What it is about').inputValue(), 'keys');

      const csv = await audit.file('CSV');
      assert.match(csv.name, /^rocket(-\d+)?-changes-\d{4}-\d\d-\d\d\.csv$/);
      assert.equal(csv.lines.length, 2, 'a head, and what the filter leaves');
      assert.ok(csv.lines[0].startsWith('time,id,action,what,') && csv.lines[1].includes(',Key made,'));
      const json = await audit.file('JSON lines');
      assert.equal(json.lines.length, 1);
      assert.equal(JSON.parse(json.lines[0]).subject, 'billing');

      await audit.field('From (UTC)').fill('2026-12-02');
      await audit.field('To, with this day').fill('2026-12-01');
      await audit.show();
      await audit.alert().getByRole('link', { name: '“To” is before “From”.' }).waitFor();
      assert.equal(await audit.rows().count(), 0);
      await audit.link('Show all').click();
      await audit.rows().getByText('Team made').waitFor();

      // Written down within a second: asked for until it is there.
      await audit.link('Calls of services').click();
      while ((await audit.rows().count()) === 0) await tab.reload();
      await audit.rows().getByText('State of the connection').waitFor();
      await audit.field('Status').selectOption('5xx: failed');
      await audit.show();
      await tab.getByText('No call is like this.').waitFor();
    });
  }

  test('it is looked through with keys alone', async ({ app, browser }) => {
    const { cookie, paths } = await app.signUp();
    await browser.use(cookie);
    const tab = await browser.tab();
    const audit = await new AuditPage(tab, app).visit(paths[0].replace('integrations/', 'audit'));
    await press(tab, audit.link('Calls of services'));
    await tab.getByText('No service has called yet.').waitFor();
    await press(tab, audit.link('Changes'));
    await audit.rows().getByText('Team made').waitFor();
    await audit.field('What it is about').focus();
    await tab.keyboard.type('Keys');
    await press(tab, audit.button('Show'));
    await tab.getByText('No change is like this.').waitFor();
  });

  test('a member is told why not, and is shown no way to it', async ({ app, browser }) => {
    await browser.use(await app.signIn(MAX));
    const tab = await browser.tab();
    const keys = await new KeysPage(tab, app).visit('/a/acme/keys');
    assert.equal(await keys.link('Audit').count(), 0);
    const problem = new ProblemPage(tab, app);
    await problem.open('/a/acme/audit');
    await problem.arrive('Only admins of Acme can do this');
  });
});
