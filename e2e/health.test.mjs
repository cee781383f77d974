// The page of a connection: how it is, what happened, and the banner on the team's other pages.

import assert from 'node:assert/strict';

import { Atlassian } from './pages/atlassian.mjs';
import { HealthPage } from './pages/health.mjs';
import { IntegrationsPage } from './pages/integrations.mjs';
import { LoginPage } from './pages/login.mjs';
import { inspect } from './support/inspect.mjs';
import { press, takesFocus } from './support/keyboard.mjs';
import { onBothDatabases } from './support/suite.mjs';

/** A team that is connected with the one site of Sam One; gives the address of the connection's page. */
async function connect(app, tab, path) {
  const integrations = await new IntegrationsPage(tab, app).visit(path);
  await integrations.connect();
  await (await new Atlassian(tab, app).signIn('Sam One')).accept();
  await integrations.shows('Connected');
  return `${path}jira/`;
}

/** Ends the grant of Sam One, and has somebody notice. */
async function revoke(app, tab, path) {
  await app.control.revoke('Sam One');
  await app.control.advance(7_200);
  const health = await new HealthPage(tab, app).visit(path);
  // Where the scheduler was first, there is nothing to test any more.
  const button = health.button('Test connection');
  if ((await button.count()) > 0) await button.click();
  await health.shows('Reconnect needed');
}

await onBothDatabases(import.meta.url, (test) => {
  test('a connection from its first day to its end, as its page tells it', async ({ app, browser }) => {
    const { cookie, paths } = await app.signUp();
    await browser.use(cookie);
    const tab = await browser.tab();
    const integrations = await new IntegrationsPage(tab, app).visit(paths[0]);
    await integrations.link('Details of the connection with Jira').click();
    const health = await new HealthPage(tab, app).arrive();
    await health.shows('Not connected');
    await inspect(tab, 'no connection yet');
    const path = await connect(app, tab, paths[0]);

    await health.visit(path);
    await health.shows('Connected');
    await inspect(tab, 'a connection on its first day');
    await health.button('Refresh now').click();
    await health.status().getByText(/^Nothing was sent/).waitFor();
    await takesFocus(health.heading('Jira connection'));
    await app.control.advance(700);
    await health.button('Refresh now').click();
    await health.status().getByText(/^Atlassian gave a new token/).waitFor();
    await inspect(tab, 'a refresh by hand');
    await health.button('Test connection').click();
    await health.status().getByText(/^It works/).waitFor();
    await health.shows('Connected');
    await tab.getByText('The same as a table').click();
    await inspect(tab, 'the days as a table');

    await health.link('Changes').click();
    await health.arrive();
    assert.equal(await health.timeline().count(), 2, 'a head and the connecting');
    await health.link('All').click();
    await health.arrive();
    assert.equal(await health.timeline().count(), 3);

    await revoke(app, tab, path);
    await health.visit(path);
    await health.banner().getByRole('heading', { name: 'Jira for Rocket needs to be reconnected.' }).waitFor();
    assert.equal(await tab.getByRole('button', { name: 'Reconnect', exact: true }).count(), 1);
    await inspect(tab, 'a connection that ended');
    for (const page of ['keys', 'members', 'settings']) {
      await tab.goto(app.url + paths[0].replace('integrations/', page));
      await health.banner().getByRole('link', { name: 'Reconnect' }).waitFor();
      await inspect(tab, `${page} while people are needed`);
    }
    await health.banner().getByRole('link', { name: 'Reconnect' }).click();
    await health.arrive();
  });

  test('from a link in a mail to a connection that works in less than five clicks', async ({ app, browser, open }) => {
    const { cookie, paths, ...person } = await app.signUp();
    await browser.use(cookie);
    const path = await connect(app, await browser.tab(), paths[0]);
    await revoke(app, await browser.tab(), path);

    const another = await open();
    const tab = await another.tab();
    let clicks = 0;
    const click = async (button) => {
      clicks += 1;
      await button.click();
    };
    const health = new HealthPage(tab, app);
    await health.open(path);
    const login = new LoginPage(tab, app);
    await login.isThere('Sign in');
    await tab.getByLabel('Email address').fill(person.email);
    await tab.getByLabel('Password').fill(person.password);
    await click(login.button('Sign in'));
    await health.arrive();
    await click(health.button('Reconnect'));
    const atlassian = await new Atlassian(tab, app).arriveAtLogin();
    await click(atlassian.account('Sam One'));
    await atlassian.arriveAtConsent();
    await click(atlassian.button('Accept'));
    await new IntegrationsPage(tab, app).shows('Connected');
    assert.ok(clicks < 5, `${clicks} clicks`);
    await tab.goto(app.url + paths[0].replace('integrations/', 'members'));
    assert.equal(await health.banner().count(), 0);
  });

  test('who looks at the page hears when the state changes', async ({ app, browser }) => {
    const { cookie, paths } = await app.signUp();
    await browser.use(cookie);
    const path = await connect(app, await browser.tab(), paths[0]);
    const tab = await browser.tab();
    await tab.clock.install();
    const health = await new HealthPage(tab, app).visit(path);
    await health.shows('Connected');
    assert.ok(await tab.locator('#changed').isHidden());
    await tab.clock.runFor(11_000);
    await health.shows('Connected');
    await revoke(app, await browser.tab(), path);
    await tab.clock.runFor(11_000);
    await health.shows('Reconnect needed');
    await tab.locator('#changed').getByRole('link', { name: 'Load it again' }).click();
    await health.button('Reconnect').waitFor();
  });

  test('a connection is looked after with keys alone', async ({ app, browser }) => {
    const { cookie, paths } = await app.signUp();
    await browser.use(cookie);
    const tab = await browser.tab();
    const path = await connect(app, tab, paths[0]);
    await app.control.advance(700);
    const integrations = await new IntegrationsPage(tab, app).visit(paths[0]);
    await press(tab, integrations.link('Details of the connection with Jira'));
    const health = await new HealthPage(tab, app).arrive();
    await press(tab, health.button('Refresh now'));
    await health.status().getByText(/^Atlassian gave a new token/).waitFor();
    await press(tab, tab.getByText('The same as a table'), 'Space');
    await tab.getByRole('table', { name: /^Days/ }).waitFor();
    await press(tab, health.link('Failures'));
    await tab.getByText('Nothing went wrong as far back as is kept.').waitFor();
    assert.ok(tab.url().includes(path));
  });

  test('all of it stands there without script', { javaScriptEnabled: false }, async ({ app, browser }) => {
    const { cookie, paths } = await app.signUp();
    await browser.use(cookie);
    const tab = await browser.tab();
    const path = await connect(app, tab, paths[0]);
    const health = await new HealthPage(tab, app).visit(path);
    await health.shows('Connected');
    await app.control.advance(700);
    await health.button('Refresh now').click();
    await health.status().getByText(/^Atlassian gave a new token/).waitFor();
    await tab.getByRole('img', { name: 'Calls and refreshes of the last 30 days' }).waitFor();
    await tab.getByText('The same as a table').click();
    await tab.getByRole('table', { name: /^Days/ }).waitFor();
    await health.link('Failures').click();
    await tab.getByText('Nothing went wrong as far back as is kept.').waitFor();
    assert.ok(await tab.locator('#changed').isHidden());
  });
});
