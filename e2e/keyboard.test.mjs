// The whole way without a mouse.

import assert from 'node:assert/strict';

import { Atlassian } from './pages/atlassian.mjs';
import { IntegrationsPage } from './pages/integrations.mjs';
import { LoginPage } from './pages/login.mjs';
import { SignupPage } from './pages/signup.mjs';
import { SitesPage } from './pages/sites.mjs';
import { TeamNewPage } from './pages/team-new.mjs';
import { press, tabTo, takesFocus, type } from './support/keyboard.mjs';
import { onBothDatabases } from './support/suite.mjs';

await onBothDatabases(import.meta.url, (test) => {
  test('from signing up to disconnecting with keys alone', async ({ app, browser }) => {
    const person = app.newPerson('Kay Keys');
    const tab = await browser.tab();
    const login = await new LoginPage(tab, app).visit('/');
    await press(tab, login.link('Create an account'));
    const signup = new SignupPage(tab, app);
    await signup.isThere('Create your account');
    await type(tab, tab.getByLabel('Your name'), person.name);
    await type(tab, tab.getByLabel('Email address'), person.email);
    await type(tab, tab.getByLabel('Password'), person.password);
    await tab.keyboard.press('Enter');
    await new TeamNewPage(tab, app).arrive();
    await type(tab, tab.getByLabel('Team name'), 'Keys');
    await tab.keyboard.press('Enter');

    const integrations = await new IntegrationsPage(tab, app).arrive();
    await press(tab, integrations.button('Connect Jira'));
    const atlassian = await new Atlassian(tab, app).arriveAtLogin();
    await press(tab, atlassian.account('Mia Krystof'));
    await atlassian.arriveAtConsent();
    await press(tab, atlassian.button('Accept'));

    const sites = await new SitesPage(tab, app).arrive('Keys');
    // Nothing is chosen: the summary of what is wrong takes the focus, and its link leads to the sites.
    await press(tab, sites.submit());
    await sites.alert().waitFor();
    await takesFocus(sites.alert());
    await press(tab, sites.link('Choose a site'));
    await takesFocus(sites.sites().first());
    await tab.keyboard.press('Space');
    await tab.keyboard.press('ArrowDown');
    assert.ok(await sites.site('Beta Labs').isChecked());
    await press(tab, sites.submit());
    await integrations.shows('Connected');
    assert.equal((await integrations.site()).name, 'Beta Labs');

    await press(tab, integrations.button('Test connection'));
    await integrations.status().getByText(/^It works/).waitFor();

    // The question takes the focus to Cancel, Escape gives it back.
    await press(tab, integrations.link('Disconnect'));
    await integrations.dialog().waitFor();
    await takesFocus(integrations.dialog().getByRole('button', { name: 'Cancel' }));
    await tab.keyboard.press('Escape');
    await integrations.dialog().waitFor({ state: 'hidden' });
    await takesFocus(integrations.link('Disconnect'));
    await tab.keyboard.press('Enter');
    await press(tab, integrations.dialog().getByRole('button', { name: 'Disconnect Beta Labs' }));
    await integrations.shows('Disconnected');
    // After it the heading has the focus, so that reading begins there.
    await takesFocus(integrations.heading('Integrations'));
  });

  test('the first stop of a page skips to the content', async ({ app, browser }) => {
    const { cookie, paths } = await app.signUp();
    await browser.use(cookie);
    const tab = await browser.tab();
    const integrations = await new IntegrationsPage(tab, app).visit(paths[0]);
    await tab.keyboard.press('Tab');
    await takesFocus(integrations.link('Skip to content'));
    await tab.keyboard.press('Enter');
    await tab.keyboard.press('Tab');
    await takesFocus(integrations.button('Connect Jira'));
  });

  test('the menu of teams opens, closes with Escape, and leads on', async ({ app, browser }) => {
    const { cookie, paths } = await app.signUp({ teams: ['Ape', 'Bee'] });
    await browser.use(cookie);
    const tab = await browser.tab();
    const integrations = await new IntegrationsPage(tab, app).visit(paths[0]);
    const menu = tab.getByRole('navigation', { name: 'Teams' });
    const summary = menu.locator('summary');
    await press(tab, summary);
    await menu.getByRole('link', { name: 'New team' }).waitFor();
    await tab.keyboard.press('Escape');
    await menu.getByRole('link', { name: 'New team' }).waitFor({ state: 'hidden' });
    await takesFocus(summary);
    await tab.keyboard.press('Enter');
    await tabTo(tab, menu.getByRole('link', { name: 'Bee' }));
    await tab.keyboard.press('Enter');
    await tab.waitForURL(app.url + paths[1]);
    await integrations.arrive();
  });
});
