// The whole way with script switched off: every page is complete without it.

import assert from 'node:assert/strict';

import { Atlassian } from './pages/atlassian.mjs';
import { DisconnectPage } from './pages/disconnect.mjs';
import { IntegrationsPage } from './pages/integrations.mjs';
import { LoginPage } from './pages/login.mjs';
import { SignupPage } from './pages/signup.mjs';
import { SitesPage } from './pages/sites.mjs';
import { TeamNewPage } from './pages/team-new.mjs';
import { onBothDatabases } from './support/suite.mjs';

await onBothDatabases(import.meta.url, (test) => {
  const withoutScript = { javaScriptEnabled: false };

  test('from signing up to disconnecting without script', withoutScript, async ({ app, browser }) => {
    const person = app.newPerson('Nora Script');
    const tab = await browser.tab();
    const login = await new LoginPage(tab, app).visit('/');
    await login.link('Create an account').click();
    const signup = new SignupPage(tab, app);
    await signup.signUp({ ...person, password: 'short' });
    await signup.alert().getByText(/^The password/).waitFor();
    assert.equal(await tab.getByLabel('Email address').inputValue(), person.email, 'what was right is kept');
    await signup.signUp(person);
    await (await new TeamNewPage(tab, app).arrive()).create('Plain');

    const integrations = await new IntegrationsPage(tab, app).arrive();
    await integrations.shows('Not connected');
    await integrations.connect();
    await (await new Atlassian(tab, app).signIn('Mia Krystof')).accept();
    await (await new SitesPage(tab, app).arrive('Plain')).choose('Northwind');
    await integrations.shows('Connected');
    assert.equal((await integrations.site()).name, 'Northwind');
    await integrations.testConnection();
    await integrations.status().getByText(/^It works/).waitFor();

    await integrations.link('Disconnect').click();
    const question = await new DisconnectPage(tab, app).arrive('Northwind');
    await question.link('Cancel').click();
    await integrations.shows('Connected');
    await integrations.link('Disconnect').click();
    await question.arrive('Northwind');
    await question.confirm('Northwind');
    await integrations.shows('Disconnected');

    await integrations.signOut();
    await login.status().getByText('You are signed out.').waitFor();
  });
});
