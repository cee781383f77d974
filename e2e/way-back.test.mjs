// The way back from Atlassian: another site sends the browser to the callback.

import assert from 'node:assert/strict';

import { Atlassian } from './pages/atlassian.mjs';
import { IntegrationsPage } from './pages/integrations.mjs';
import { ProblemPage } from './pages/problem.mjs';
import { SignupPage } from './pages/signup.mjs';
import { SitesPage } from './pages/sites.mjs';
import { TeamNewPage } from './pages/team-new.mjs';
import { onBothDatabases } from './support/suite.mjs';

await onBothDatabases(import.meta.url, (test) => {
  test('the session cookie is Lax, and with Strict the way back fails', async ({ app, browser }) => {
    const { cookie, paths } = await app.signUp();
    await browser.use(cookie, { sameSite: 'Strict' });
    const tab = await browser.tab();
    const integrations = await new IntegrationsPage(tab, app).visit(paths[0]);
    await integrations.connect();
    const atlassian = await new Atlassian(tab, app).signIn('Sam One');
    const [callback] = await Promise.all([
      tab.waitForRequest((it) => new URL(it.url()).pathname === '/integrations/jira/callback'),
      atlassian.accept(),
    ]);

    const problem = await new ProblemPage(tab, app).arrive(/^This sign-in was not started in this browser$/);
    assert.equal(await problem.code(), 'CONNECT_STATE_UNKNOWN');
    assert.equal((await callback.allHeaders()).cookie, undefined, 'Chromium withheld the cookie');
    await integrations.visit(paths[0]);
    await integrations.shows('Connecting');

    // The same again with nothing else changed.
    await browser.use(cookie);
    await integrations.button('Continue').click();
    await (await atlassian.arriveAtConsent()).accept();
    await integrations.shows('Connected');
  });

  test('the cookie that signing up gives is HttpOnly and Lax', async ({ app, browser }) => {
    const person = app.newPerson();
    const tab = await browser.tab();
    await (await new SignupPage(tab, app).visit()).signUp(person);
    await new TeamNewPage(tab, app).arrive();
    const { httpOnly, sameSite } = await browser.session();
    assert.deepEqual({ httpOnly, sameSite }, { httpOnly: true, sameSite: 'Lax' });
  });

  test('coming to the callback again says that it is done', async ({ app, browser }) => {
    const { cookie, paths } = await app.signUp();
    await browser.use(cookie);
    const tab = await browser.tab();
    const integrations = await new IntegrationsPage(tab, app).visit(paths[0]);
    await integrations.connect();
    const atlassian = await new Atlassian(tab, app).signIn('Sam One');
    const [callback] = await Promise.all([
      tab.waitForRequest((it) => new URL(it.url()).pathname === '/integrations/jira/callback'),
      atlassian.accept(),
    ]);
    await integrations.shows('Connected');
    assert.equal(new URL(tab.url()).pathname, paths[0], 'code and state are not left in the address');
    const { exchange } = await app.control.counts();

    await tab.goto(callback.url());
    await integrations.status().getByText('Solo Works is already connected. Nothing was changed.').waitFor();
    await integrations.shows('Connected');
    assert.equal((await app.control.counts()).exchange, exchange, 'the code was not sent again');

    await tab.reload();
    await integrations.shows('Connected');
    // With the back button one comes to the consent, where there is nothing to accept any more.
    await tab.goBack();
    await tab.goBack();
    await (await atlassian.arriveAtConsent()).accept();
    await atlassian.heading('Something went wrong').waitFor();
    await tab.goto(app.url);
    await integrations.shows('Connected');
    assert.equal((await app.control.counts()).exchange, exchange);
  });

  test('a callback of another browser attaches nothing', async ({ app, browser, open }) => {
    const victim = await app.signUp({ teams: ['Victim'] });
    const attacker = await app.signUp({ teams: ['Attacker'] });
    await browser.use(attacker.cookie);
    const tab = await browser.tab();
    const integrations = await new IntegrationsPage(tab, app).visit(attacker.paths[0]);
    await integrations.connect();
    const atlassian = await new Atlassian(tab, app).signIn('Sam One');
    // The attacker stops before the callback, and gives its address to the victim.
    const callback = await atlassian.acceptAndStay();

    // Nor does it count in another browser of the same person: a state is bound to the session.
    for (const [cookie, path] of [
      [victim.cookie, victim.paths[0]],
      [await app.signIn(attacker), attacker.paths[0]],
    ]) {
      const other = await open();
      await other.use(cookie);
      const elsewhere = await other.tab();
      await elsewhere.goto(callback);
      const problem = await new ProblemPage(elsewhere, app).arrive(/^This sign-in was not started in this browser$/);
      assert.equal(await problem.code(), 'CONNECT_STATE_UNKNOWN');
      const theirs = await new IntegrationsPage(elsewhere, app).visit(path);
      await theirs.shows(path === victim.paths[0] ? 'Not connected' : 'Connecting');
    }
    // It would have counted.
    await tab.goto(callback);
    await integrations.shows('Connected');
  });

  test('two tabs with two teams end each at its own', async ({ app, browser }) => {
    const { cookie, paths } = await app.signUp({ teams: ['Left', 'Right'] });
    await browser.use(cookie);
    const left = await open('Left', paths[0]);
    const right = await open('Right', paths[1]);
    await left.integrations.connect();
    await left.atlassian.signIn('Mia Krystof');
    await right.integrations.connect();
    await right.atlassian.arriveAtConsent();
    await left.atlassian.accept();
    await left.sites.arrive('Left');
    await right.atlassian.accept();
    await right.sites.arrive('Right');
    await right.sites.choose('Northwind');
    await right.integrations.shows('Connected');
    await left.sites.choose('Beta Labs');
    await left.integrations.shows('Connected');

    for (const [side, site] of [
      [left, 'Beta Labs'],
      [right, 'Northwind'],
    ]) {
      assert.equal(new URL(side.tab.url()).pathname, side.path);
      await side.integrations.visit(side.path);
      assert.equal((await side.integrations.site()).name, site);
    }

    async function open(team, path) {
      const tab = await browser.tab();
      const integrations = await new IntegrationsPage(tab, app).visit(path);
      return { tab, path, integrations, atlassian: new Atlassian(tab, app), sites: new SitesPage(tab, app) };
    }
  });

  test('two tabs with one team: the later one ends well too', async ({ app, browser }) => {
    const { cookie, paths } = await app.signUp();
    await browser.use(cookie);
    const [one, two] = [await browser.tab(), await browser.tab()];
    const first = await new IntegrationsPage(one, app).visit(paths[0]);
    await first.connect();
    await new Atlassian(one, app).signIn('Sam One');
    const second = await new IntegrationsPage(two, app).visit(paths[0]);
    await second.shows('Connecting');
    await second.button('Start again').click();
    await new Atlassian(two, app).arriveAtConsent();
    for (const [tab, integrations] of [
      [two, second],
      [one, first],
    ]) {
      await new Atlassian(tab, app).accept();
      await integrations.shows('Connected');
    }
  });

  test('a double click on Use this site connects once', async ({ app, browser }) => {
    const { cookie, paths } = await app.signUp();
    await browser.use(cookie);
    const tab = await browser.tab();
    const integrations = await new IntegrationsPage(tab, app).visit(paths[0]);
    await integrations.connect();
    await (await new Atlassian(tab, app).signIn('Mia Krystof')).accept();
    const sites = await new SitesPage(tab, app).arrive('Rocket');
    await sites.site('Acme').check();
    await sites.submit().dblclick();
    await integrations.shows('Connected');
    assert.equal((await integrations.site()).name, 'Acme');
  });

  test('Atlassian down after the exchange: Try again needs no new consent', async ({ app, browser }) => {
    const { cookie, paths } = await app.signUp();
    await browser.use(cookie);
    const tab = await browser.tab();
    const integrations = await new IntegrationsPage(tab, app).visit(paths[0]);
    await integrations.connect();
    const atlassian = await new Atlassian(tab, app).signIn('Sam One');
    await app.control.fault('resources', { status: 503 });
    await atlassian.accept();

    const problem = await new ProblemPage(tab, app).arrive('Atlassian did not answer');
    assert.equal(await problem.code(), 'CONNECT_ATLASSIAN_DOWN');
    const { accepted, exchange } = await app.control.counts();
    await problem.button('Try again').click();
    await problem.arrive('Atlassian did not answer');
    assert.equal(await problem.code(), 'CONNECT_ATLASSIAN_DOWN');
    await app.control.clearFaults();
    await problem.button('Try again').click();
    await integrations.shows('Connected');
    const after = await app.control.counts();
    assert.deepEqual([after.accepted, after.exchange], [accepted, exchange]);
  });
});
