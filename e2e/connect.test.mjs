// A team connects its Jira site, in the ways that end well, and disconnects it.

import assert from 'node:assert/strict';

import { AccountQuestionPage } from './pages/account-question.mjs';
import { Atlassian } from './pages/atlassian.mjs';
import { IntegrationsPage } from './pages/integrations.mjs';
import { LoginPage } from './pages/login.mjs';
import { ProblemPage } from './pages/problem.mjs';
import { SitesPage } from './pages/sites.mjs';
import { ADA } from './support/app.mjs';
import { onBothDatabases } from './support/suite.mjs';

await onBothDatabases(import.meta.url, (test) => {
  test('signing in leads to the team, signing out away from it', async ({ app, browser }) => {
    const tab = await browser.tab();
    const login = await new LoginPage(tab, app).visit('/');
    await login.signIn({ ...ADA, password: 'not her password' });
    await login.alert().getByText('Address or password is wrong.').waitFor();
    await login.signIn(ADA);
    const integrations = await new IntegrationsPage(tab, app).arrive();
    await integrations.shows('Not connected');
    assert.equal(new URL(tab.url()).pathname, '/a/acme/integrations/');

    await integrations.signOut();
    await integrations.open('/a/acme/integrations/');
    await login.isThere('Sign in');
    await login.signIn(ADA);
    await integrations.arrive();
    assert.equal(new URL(tab.url()).pathname, '/a/acme/integrations/', 'where she wanted to go');
  });

  test('with one site it is chosen', async ({ app, browser }) => {
    const { cookie, paths } = await app.signUp();
    await browser.use(cookie);
    const tab = await browser.tab();
    const integrations = await new IntegrationsPage(tab, app).visit(paths[0]);
    await integrations.shows('Not connected');
    await integrations.connect();
    const atlassian = await new Atlassian(tab, app).signIn('Sam One');
    assert.equal(new URL(tab.url()).hostname, 'localhost', 'another site than ours');
    await atlassian.accept();

    await integrations.shows('Connected');
    await integrations.status().getByText(/^Solo Works is connected\. It is the only/).waitFor();
    await holds(integrations, 'Solo Works', 'solo-works.atlassian.net');
    await integrations.testConnection();
    await integrations.status().getByText(/^It works: Jira answered in \d+ ms as Sam One\.$/).waitFor();
  });

  for (const [name, host, place] of [
    ['Acme', 'acme.atlassian.net', 0],
    ['Beta Labs', 'beta-labs.atlassian.net', 1],
  ]) {
    test(`of three sites, number ${place + 1} is chosen`, async ({ app, browser }) => {
      const { cookie, paths } = await app.signUp();
      await browser.use(cookie);
      const tab = await browser.tab();
      const integrations = await new IntegrationsPage(tab, app).visit(paths[0]);
      await integrations.connect();
      await (await new Atlassian(tab, app).signIn('Mia Krystof')).accept();

      const sites = await new SitesPage(tab, app).arrive('Rocket');
      await sites.tab.getByText('Mia Krystof').waitFor();
      const told = await sites.tab.getByRole('list').filter({ has: sites.sites() }).getByRole('listitem').allInnerTexts();
      const names = told.map((it) => it.match(/Acme|Beta Labs|Northwind/)?.[0]);
      assert.deepEqual(names, ['Acme', 'Beta Labs', 'Northwind'], 'by name, those with Jira only');
      assert.equal(await sites.tab.locator(':checked').count(), 0, 'nothing is chosen for them');
      await sites.submit().click();
      await sites.alert().getByText('Choose a site').waitFor();
      await sites.sites().nth(place).check();
      await sites.submit().click();

      await integrations.shows('Connected');
      await integrations.status().getByText(`${name} is connected.`).waitFor();
      await holds(integrations, name, host);
      await integrations.testConnection();
      await integrations.status().getByText(/ as Mia Krystof\.$/).waitFor();
    });
  }

  test('Cancel at consent changes nothing, and Try again works', async ({ app, browser }) => {
    const { cookie, paths } = await app.signUp();
    await browser.use(cookie);
    const tab = await browser.tab();
    const integrations = await new IntegrationsPage(tab, app).visit(paths[0]);
    await integrations.connect();
    const atlassian = await new Atlassian(tab, app).signIn('Sam One');
    await atlassian.cancel();

    const problem = await new ProblemPage(tab, app).arrive('You pressed Cancel at Atlassian');
    assert.equal(await problem.code(), 'CONNECT_DENIED');
    await problem.button('Try again').click();
    await (await atlassian.arriveAtConsent()).accept();
    await integrations.shows('Connected');
  });

  test('an account without a Jira site is told so, and another one works', async ({ app, browser }) => {
    const { cookie, paths } = await app.signUp();
    await browser.use(cookie);
    const tab = await browser.tab();
    const integrations = await new IntegrationsPage(tab, app).visit(paths[0]);
    await integrations.connect();
    const atlassian = await new Atlassian(tab, app).signIn('Noa None');
    await atlassian.accept();

    const problem = await new ProblemPage(tab, app).arrive(/^Your Atlassian account has no Jira site/);
    assert.equal(await problem.code(), 'CONNECT_NO_SITE');
    await problem.button('Try again').click();
    await (await atlassian.arriveAtConsent()).link('Use another account').click();
    await (await atlassian.signIn('Sam One')).accept();
    await integrations.shows('Connected');
  });

  test('disconnecting asks first, erases, and connecting again works', async ({ app, browser }) => {
    const { cookie, paths } = await app.signUp();
    await browser.use(cookie);
    const tab = await browser.tab();
    const integrations = await new IntegrationsPage(tab, app).visit(paths[0]);
    const atlassian = new Atlassian(tab, app);
    await integrations.connect();
    await (await atlassian.signIn('Sam One')).accept();
    await integrations.shows('Connected');

    await integrations.link('Disconnect').click();
    await integrations.dialog().getByRole('button', { name: 'Cancel' }).click();
    await integrations.dialog().waitFor({ state: 'hidden' });
    await integrations.shows('Connected');
    await integrations.disconnect('Solo Works');
    await integrations.shows('Disconnected');
    await integrations.card().getByText(/^Disconnected by Tess Test on .+ Tokens erased\.$/).waitFor();
    assert.equal(await integrations.button('Test connection').count(), 0);

    await integrations.connect();
    await (await atlassian.arriveAtConsent()).accept();
    await integrations.shows('Connected');
    await holds(integrations, 'Solo Works', 'solo-works.atlassian.net');
  });

  test('reconnecting leaves the connection as it was until it has succeeded', async ({ app, browser }) => {
    const { cookie, paths } = await app.signUp();
    await browser.use(cookie);
    const tab = await browser.tab();
    const integrations = await new IntegrationsPage(tab, app).visit(paths[0]);
    const atlassian = new Atlassian(tab, app);
    const problem = new ProblemPage(tab, app);
    await integrations.connect();
    await (await atlassian.signIn('Sam One')).accept();
    await integrations.shows('Connected');
    const first = await app.control.tokens('Sam One');

    await integrations.button('Reconnect').click();
    await (await atlassian.arriveAtConsent()).cancel();
    await problem.arrive('You pressed Cancel at Atlassian');
    await stillWorks();
    await integrations.button('Reconnect').click();
    await (await atlassian.arriveAtConsent()).accept();
    await integrations.status().getByText(/^Solo Works is connected/).waitFor();
    await stillWorks();
    assert.notEqual((await app.control.tokens('Sam One')).refresh, first.refresh);

    async function stillWorks() {
      await integrations.visit(paths[0]);
      await integrations.shows('Connected');
      await holds(integrations, 'Solo Works', 'solo-works.atlassian.net');
      await integrations.testConnection();
      await integrations.status().getByText(/ as Sam One\.$/).waitFor();
    }
  });

  test('reconnecting as somebody else asks first, and both answers count', async ({ app, browser }) => {
    const { cookie, paths } = await app.signUp();
    await browser.use(cookie);
    const tab = await browser.tab();
    const integrations = await new IntegrationsPage(tab, app).visit(paths[0]);
    const atlassian = new Atlassian(tab, app);
    const question = new AccountQuestionPage(tab, app);
    await integrations.connect();
    await (await atlassian.signIn('Sam One')).accept();
    await integrations.shows('Connected');

    await reconnectAsMia();
    await integrations.visit(paths[0]);
    await holds(integrations, 'Solo Works', 'solo-works.atlassian.net');
    await integrations.link('Choose the account').click();
    await (await question.arrive()).signInAs('Sam One');
    await (await atlassian.arriveAtConsent()).link('Use another account').click();
    await (await atlassian.signIn('Sam One')).accept();
    await integrations.shows('Connected');
    await holds(integrations, 'Solo Works', 'solo-works.atlassian.net');

    await reconnectAsMia();
    await question.switchTo('Mia Krystof');
    await integrations.shows('Connected');
    await holds(integrations, 'Acme', 'acme.atlassian.net');
    await integrations.testConnection();
    await integrations.status().getByText(/ as Mia Krystof\.$/).waitFor();

    async function reconnectAsMia() {
      await integrations.button('Reconnect').click();
      await (await atlassian.arriveAtConsent()).link('Use another account').click();
      await (await atlassian.signIn('Mia Krystof')).accept();
      await (await new SitesPage(tab, app).arrive('Rocket')).choose('Acme');
      await question.arrive();
    }
  });

  test('a sign-in that waits for a site can be discarded', async ({ app, browser }) => {
    const { cookie, paths } = await app.signUp();
    await browser.use(cookie);
    const tab = await browser.tab();
    const integrations = await new IntegrationsPage(tab, app).visit(paths[0]);
    await integrations.connect();
    await (await new Atlassian(tab, app).signIn('Mia Krystof')).accept();
    const sites = await new SitesPage(tab, app).arrive('Rocket');
    await integrations.visit(paths[0]);
    await integrations.shows('Choose a site');
    await integrations.link('Choose a site').click();
    await sites.arrive('Rocket');
    await sites.discard();
    await integrations.shows('Not connected');
    await integrations.status().getByText(/discarded/).waitFor();
  });
});

/** Name, host and address of the card belong to one site. */
async function holds(integrations, name, host) {
  assert.deepEqual(await integrations.site(), { name, host, url: `https://${host}` });
}
