// Every page in every state that a person can reach, looked at in light, in dark, and at 320 px.

import { AccountQuestionPage } from './pages/account-question.mjs';
import { Atlassian } from './pages/atlassian.mjs';
import { DisconnectPage } from './pages/disconnect.mjs';
import { IntegrationsPage } from './pages/integrations.mjs';
import { LoginPage } from './pages/login.mjs';
import { ProblemPage } from './pages/problem.mjs';
import { SignupPage } from './pages/signup.mjs';
import { SitesPage } from './pages/sites.mjs';
import { TeamNewPage } from './pages/team-new.mjs';
import { MAX } from './support/app.mjs';
import { inspect } from './support/inspect.mjs';
import { onBothDatabases } from './support/suite.mjs';

/** Names as people have them: long, and not made to be broken. */
const LONG_TEAM = 'Donaudampfschifffahrtsgesellschaftskapitäne & Söhne of the Northern Hemisphere';
const LONG_NAME = 'Wolfeschlegelsteinhausenbergerdorff-Featherstonehaugh the Younger';

await onBothDatabases(import.meta.url, (test) => {
  test('pages before one has a team', async ({ app, browser }) => {
    const person = app.newPerson();
    const tab = await browser.tab();
    const login = await new LoginPage(tab, app).visit('/login');
    await inspect(tab, 'sign-in');
    await login.signIn({ email: person.email, password: 'not the password' });
    await login.alert().waitFor();
    await inspect(tab, 'sign-in that was refused');
    await login.visit('/login?next=/a/acme/integrations/');
    await login.status().waitFor();
    await inspect(tab, 'sign-in that leads on');

    const signup = await new SignupPage(tab, app).visit();
    await inspect(tab, 'sign-up');
    await signup.signUp({ name: '', email: 'no address', password: 'short' });
    await signup.alert().waitFor();
    await inspect(tab, 'sign-up with mistakes');
    await signup.signUp(person);
    const teamNew = await new TeamNewPage(tab, app).arrive();
    await inspect(tab, 'the first team');
    await teamNew.create('');
    await teamNew.alert().waitFor();
    await inspect(tab, 'the first team with a mistake');
    await teamNew.create('First');
    const integrations = await new IntegrationsPage(tab, app).arrive();
    await teamNew.visit();
    await inspect(tab, 'a second team');
    await integrations.signOut();
    await inspect(tab, 'signed out');
  });

  test('the description of the API', async ({ app, browser }) => {
    const tab = await browser.tab();
    for (const path of ['/api/docs', '/api/problems', '/api/problems/connection_reconnect_needed']) {
      await tab.goto(app.url + path);
      await tab.locator('details').evaluateAll((all) => all.forEach((it) => it.setAttribute('open', '')));
      await inspect(tab, path);
    }
  });

  test('pages of people', async ({ app, browser }) => {
    const { cookie, paths } = await app.signUp({ name: LONG_NAME, teams: [LONG_TEAM] });
    await browser.use(cookie);
    const tab = await browser.tab();
    const team = paths[0].replace('integrations/', '');
    const look = async (path, name) => {
      await tab.goto(app.url + path);
      await inspect(tab, name);
    };
    await look(`${team}members`, 'members, alone');
    await tab.getByLabel('Email address').fill('no address');
    await tab.getByRole('button', { name: 'Make an invitation link' }).click();
    await tab.getByRole('alert').waitFor();
    await inspect(tab, 'an invitation with a mistake');
    await tab.getByLabel('Email address').fill('a-rather-long-address-of-somebody@a-rather-long-company.example.com');
    await tab.getByRole('button', { name: 'Make an invitation link' }).click();
    await tab.getByText('The link is sent to a-rather-long-address').waitFor();
    await inspect(tab, 'the link of an invitation');
    const link = await tab.locator('[data-copy] code').innerText();
    await look(new URL(link).pathname, 'an invitation for somebody else');
    await look(`${team}keys`, 'keys, none yet');
    await tab.getByRole('button', { name: 'Make a key' }).click();
    await tab.getByRole('alert').waitFor();
    await inspect(tab, 'a key with a mistake');
    await tab.getByLabel('Name of the service').fill('a-service-with-a-rather-long-name-that-nobody-shortened');
    await tab.getByRole('button', { name: 'Make a key' }).click();
    await tab.getByText('it is shown only this once').waitFor();
    await inspect(tab, 'a key that was just made');
    await look(`${team}keys`, 'keys');
    await tab.getByRole('link', { name: /^Revoke the key/ }).click();
    await tab.getByRole('heading', { name: /^Revoke the key/ }).waitFor();
    await inspect(tab, 'revoking a key');
    await look(`${team}audit`, 'the audit log, changes');
    await look(`${team}audit?kind=connection`, 'the audit log, nothing found');
    await look(`${team}audit?from=x&kind=y`, 'the audit log with mistakes');
    await look(`${team}audit/usage`, 'the audit log, calls');
    await look(`${team}settings`, 'settings');
    await tab.getByRole('button', { name: /^Delete / }).click();
    await tab.getByRole('alert').waitFor();
    await inspect(tab, 'settings with a mistake');
    await look(`${team}leave`, 'leaving');
    await look('/account', 'the account of an only admin');
    await tab.getByRole('button', { name: 'Change the password' }).click();
    await tab.getByRole('alert').waitFor();
    await inspect(tab, 'the account with a mistake');
    await tab.context().clearCookies();
    await look(new URL(link).pathname, 'an invitation');
    await look('/password/forgotten', 'a forgotten password');
    await browser.use(await app.signIn(MAX));
    await look('/a/acme/members', 'members as a member');
    await look('/a/acme/keys', 'keys as a member');
    await look('/a/acme/settings', 'settings as a member');
    await look('/account', 'the account of a member');
  });

  test('pages on the way to a connection', async ({ app, browser }) => {
    const { cookie, paths } = await app.signUp({ name: LONG_NAME, teams: [LONG_TEAM, 'Other'] });
    await browser.use(cookie);
    const tab = await browser.tab();
    const integrations = await new IntegrationsPage(tab, app).visit(paths[0]);
    const atlassian = new Atlassian(tab, app);
    const sites = new SitesPage(tab, app);
    await integrations.shows('Not connected');
    await inspect(tab, 'not connected');
    await tab.getByRole('navigation', { name: 'Teams' }).locator('summary').click();
    await inspect(tab, 'the menu of teams');

    await integrations.connect();
    await atlassian.arriveAtLogin();
    await inspect(tab, "the simulator's sign-in");
    await atlassian.signIn('Mia Krystof');
    await inspect(tab, "the simulator's consent");
    await integrations.visit(paths[0]);
    await integrations.shows('Connecting');
    await tab.getByText('Saw an error at Atlassian?').click();
    await inspect(tab, 'connecting');

    await integrations.button('Continue').click();
    await (await atlassian.arriveAtConsent()).accept();
    await sites.arrive(LONG_TEAM);
    await inspect(tab, 'the picker');
    await sites.site('Beta Labs').check();
    await inspect(tab, 'the picker with a choice');
    await tab.reload();
    await sites.arrive(LONG_TEAM);
    await sites.submit().click();
    await sites.alert().waitFor();
    await inspect(tab, 'the picker without a choice');
    await integrations.visit(paths[0]);
    await integrations.shows('Choose a site');
    await inspect(tab, 'choose a site');
    await integrations.link('Choose a site').click();
    await sites.arrive(LONG_TEAM);
    await sites.discard();
    await integrations.status().waitFor();
    await inspect(tab, 'discarded');
  });

  test('pages of a connection', async ({ app, browser }) => {
    const { cookie, paths } = await app.signUp({ teams: [LONG_TEAM] });
    await browser.use(cookie);
    const tab = await browser.tab();
    const integrations = await new IntegrationsPage(tab, app).visit(paths[0]);
    const atlassian = new Atlassian(tab, app);
    await integrations.connect();
    await (await atlassian.signIn('Sam One')).accept();
    await integrations.shows('Connected');
    await inspect(tab, 'connected');
    await integrations.link('Disconnect').click();
    await integrations.dialog().waitFor();
    await inspect(tab, 'the question');
    await integrations.dialog().getByRole('button', { name: 'Cancel' }).click();
    await integrations.testConnection();
    await integrations.status().waitFor();
    await inspect(tab, 'a test that worked');
    await app.control.fault('myself', { status: 503 });
    await integrations.testConnection();
    await integrations.alert().waitFor();
    await inspect(tab, 'a test that failed');
    await app.control.clearFaults();

    await integrations.button('Reconnect').click();
    await (await atlassian.arriveAtConsent()).link('Use another account').click();
    await (await atlassian.signIn('Mia Krystof')).accept();
    await (await new SitesPage(tab, app).arrive(LONG_TEAM)).choose('Acme');
    await new AccountQuestionPage(tab, app).arrive();
    await inspect(tab, 'another account');
    await integrations.visit(paths[0]);
    await integrations.button('Discard').waitFor();
    await inspect(tab, 'another account, beside the connection');
    await integrations.button('Discard').click();
    await integrations.status().waitFor();

    // Without script the question is a page.
    const question = new DisconnectPage(tab, app);
    await question.open(`${paths[0]}jira/disconnect`);
    await question.arrive('Solo Works');
    await inspect(tab, 'the question as a page');

    await app.control.revoke('Sam One');
    await app.control.advance(7_200);
    await integrations.visit(paths[0]);
    // Where the scheduler was first, there is nothing to test any more.
    const test = integrations.button('Test connection');
    if ((await test.count()) > 0) await test.click();
    await integrations.shows('Reconnect needed');
    await integrations.visit(paths[0]);
    await integrations.shows('Reconnect needed');
    await inspect(tab, 'reconnect needed');
    await integrations.disconnect('Solo Works');
    await integrations.shows('Disconnected');
    await inspect(tab, 'disconnected');
  });

  test('pages of a member', async ({ app, browser }) => {
    await browser.use(await app.signIn(MAX));
    const tab = await browser.tab();
    await new IntegrationsPage(tab, app).visit('/a/acme/integrations/');
    await inspect(tab, 'what a member sees');
    const problem = new ProblemPage(tab, app);
    await problem.open('/a/acme/integrations/jira/sites');
    await problem.arrive('Only admins of Acme can do this');
    await inspect(tab, 'what a member may not do');
  });

  test('pages of what went wrong', async ({ app, browser }) => {
    const { cookie, paths } = await app.signUp();
    await browser.use(cookie);
    const tab = await browser.tab();
    const integrations = await new IntegrationsPage(tab, app).visit(paths[0]);
    const atlassian = new Atlassian(tab, app);
    const problem = new ProblemPage(tab, app);
    await integrations.connect();
    await (await atlassian.signIn('Noa None')).cancel();
    await problem.arrive('You pressed Cancel at Atlassian');
    await problem.code();
    await inspect(tab, 'denied');
    await problem.button('Try again').click();
    await (await atlassian.arriveAtConsent()).accept();
    await problem.arrive(/^Your Atlassian account has no Jira site/);
    await inspect(tab, 'no site');

    await problem.button('Try again').click();
    await (await atlassian.arriveAtConsent()).link('Use another account').click();
    await atlassian.signIn('Sam One');
    await app.control.fault('resources', { status: 503 });
    await atlassian.accept();
    await problem.arrive('Atlassian did not answer');
    await inspect(tab, 'Atlassian down');
    await integrations.visit(paths[0]);
    await integrations.button('Try again').waitFor();
    await inspect(tab, 'a sign-in that is kept');
    await integrations.button('Discard').click();
    await integrations.status().waitFor();

    for (const [path, heading] of [
      ['/integrations/jira/callback', 'This address is not complete'],
      [`${paths[0]}jira/sites`, 'There is no sign-in that waits for a site'],
      ['/no/such/page', 'There is no such page'],
    ]) {
      await problem.open(path);
      await problem.arrive(heading);
      await problem.code();
      await inspect(tab, heading);
    }
  });
});
