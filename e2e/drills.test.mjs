// What people are told when a connection needs them, for each kind of trouble: the banner, the page, the mail
// as a person sees it, and the way back to a connection that works.

import assert from 'node:assert/strict';

import { Atlassian } from './pages/atlassian.mjs';
import { Desk } from './pages/desk.mjs';
import { HealthPage } from './pages/health.mjs';
import { IntegrationsPage } from './pages/integrations.mjs';
import { LoginPage } from './pages/login.mjs';
import { SitesPage } from './pages/sites.mjs';
import { ADA } from './support/app.mjs';
import { inspect } from './support/inspect.mjs';
import { onBothDatabases } from './support/suite.mjs';

const TEAM = '/a/acme/';
const CONNECTION = `${TEAM}integrations/jira/`;

/** A tab of the admin, and one of the demo's own pages. */
async function open(app, browser) {
  await browser.use(await app.signIn(ADA));
  const tab = await browser.tab();
  return { tab, health: new HealthPage(tab, app), desk: new Desk(await browser.tab(), app) };
}

/** The banner on a page that is about something else, and the page of the connection. */
async function look({ tab, health }, app, { banner, pill }) {
  await tab.goto(`${app.url}${TEAM}members`);
  await health.banner().getByRole('heading', { name: banner }).waitFor();
  await inspect(tab, `members: ${banner}`);
  await health.visit(CONNECTION);
  await health.shows(pill);
  await health.banner().waitFor();
  await inspect(tab, pill);
}

await onBothDatabases(import.meta.url, (test) => {
  test('a grant that was revoked: banner, page, mail, and the way back from its link', async ({ app, browser, open: another }) => {
    const ada = await open(app, browser);
    await ada.desk.visitDrills();
    await inspect(ada.desk.tab, 'drills');
    await ada.desk.play('The grant is revoked');
    await inspect(ada.desk.tab, 'a drill that was played');
    const banner = 'Jira for Acme needs to be reconnected.';
    await look(ada, app, { banner, pill: 'Reconnect needed' });
    await ada.tab.getByText(/^Arrived /).first().waitFor();

    // In the browser of somebody who is signed in nowhere.
    const browsers = await another();
    const desk = new Desk(await browsers.tab(), app);
    const mail = await desk.read('Jira for Acme needs to be reconnected');
    assert.equal(await desk.to(), ADA.email);
    await mail.getByText(/^Atlassian no longer accepts the connection to Acme/).waitFor();
    await inspect(desk.tab, 'a mail');
    await desk.tab.goBack();
    await inspect(desk.tab, 'an inbox with mails and webhooks');
    await desk.tab.goForward();
    let clicks = 0;
    const click = async (button) => {
      clicks += 1;
      await button.click();
    };
    const opened = browsers.context.waitForEvent('page');
    await mail.getByRole('link', { name: /press Reconnect$/ }).click();
    const tab = await opened;
    const login = new LoginPage(tab, app);
    await login.isThere('Sign in');
    await tab.getByLabel('Email address').fill(ADA.email);
    await tab.getByLabel('Password').fill(ADA.password);
    await click(login.button('Sign in'));
    const health = await new HealthPage(tab, app).arrive();
    await click(health.button('Reconnect'));
    const atlassian = await new Atlassian(tab, app).arriveAtLogin();
    await click(atlassian.account('Mia Krystof'));
    await atlassian.arriveAtConsent();
    await click(atlassian.button('Accept'));
    await new IntegrationsPage(tab, app).shows('Connected');
    assert.ok(clicks < 5, `${clicks} clicks from the link in the mail`);

    // Who reconnected by hand has ended the trouble; the drill sees the rest.
    await ada.desk.end();
    await ada.desk.read('Jira for Acme works again');
    await ada.health.visit(CONNECTION);
    await ada.health.shows('Connected');
    assert.equal(await ada.health.banner().count(), 0);
  });

  test('a site that is gone: banner, page and mail', async ({ app, browser }) => {
    const ada = await open(app, browser);
    await ada.desk.play('The site is removed');
    // A day has passed.
    await browser.use(await app.signIn(ADA));
    await look(ada, app, { banner: 'The Jira site of Acme is no longer available.', pill: 'Site no longer available' });
    const mail = await ada.desk.read('Jira for Acme has lost its site');
    await mail.getByRole('link', { name: 'Open the connection and choose a site' }).waitFor();
    await inspect(ada.desk.tab, 'a mail of a lost site');
    await ada.desk.end();
  });

  test('a consent that ends soon: banner, page, mail and reminder', async ({ app, browser }) => {
    const ada = await open(app, browser);
    await ada.desk.play('The consent ends soon');
    await browser.use(await app.signIn(ADA));
    await look(ada, app, { banner: /^Jira for Acme should be renewed by /, pill: /^Connected — renew by / });
    const mail = await ada.desk.read(/^Jira for Acme is to be renewed by /);
    await mail.getByText(/^Atlassian may end the consent for Acme/).waitFor();
    await ada.desk.read(/^Reminder: Jira for Acme is to be renewed by /);
    await inspect(ada.desk.tab, 'a reminder');
    await ada.desk.end();
  });

  test('a permission that is missing: banner, page and mail', async ({ app, browser }) => {
    const ada = await open(app, browser);
    // Connected from the other tests, or by this one.
    const integrations = await new IntegrationsPage(ada.tab, app).visit(`${TEAM}integrations/`);
    const atlassian = new Atlassian(ada.tab, app);
    await app.control.setSwitches({ withheld_scopes: ['read:jira-user'] });
    const isNew = await integrations.button('Connect Jira').count() > 0;
    await integrations.button(isNew ? 'Connect Jira' : 'Reconnect').click();
    await (await atlassian.signIn('Mia Krystof')).accept();
    if (isNew) await (await new SitesPage(ada.tab, app).arrive('Acme')).choose('Acme');
    await integrations.shows('Connected — permissions missing');
    await look(ada, app, { banner: 'Jira for Acme lacks a permission.', pill: 'Connected — permissions missing' });
    await ada.desk.visitInbox();
    await ada.desk.hasMail('Jira for Acme lacks permissions');
    const mail = await ada.desk.read('Jira for Acme lacks permissions');
    await mail.getByText(/but lacks: read users\.$/).waitFor();
    await inspect(ada.desk.tab, 'a mail of missing permissions');
    await app.control.resetSwitches();
    await ada.desk.visitInbox();
    const good = 'Jira for Acme works again';
    const before = await ada.desk.mailsOf(good).count();
    await ada.health.button('Reconnect to add').click();
    await (await atlassian.arriveAtConsent()).accept();
    await integrations.shows('Connected');
    // The next test counts mails.
    await ada.desk.hasMail(good, before + 1);
  });

  test('a server that is set up wrongly: the operator gets the mail, and no team does', async ({ app, browser }) => {
    const ada = await open(app, browser);
    await ada.desk.visitInbox();
    const before = await ada.desk.mails().count();
    await ada.desk.play('The client secret was rotated');
    await ada.health.visit(CONNECTION);
    await ada.health.shows('Blocked by this server’s settings');
    assert.equal(await ada.health.banner().count(), 0);
    await inspect(ada.tab, 'a server that is set up wrongly');
    const mail = await ada.desk.read('Atlassian refuses Tformance’s client id or secret');
    assert.equal(await ada.desk.to(), 'operator@example.com');
    await mail.getByText(/`tformance doctor` says whether they are right/).waitFor();
    await inspect(ada.desk.tab, 'a mail to the operator');
    await ada.desk.visitInbox();
    assert.equal(await ada.desk.mails().count(), before + 1, 'nobody else got one');
    const [first] = await ada.desk.webhooks().allInnerTexts();
    assert.match(first, /^server\.misconfigured\s+signature good/);
    await ada.desk.webhooks().first().getByRole('link').click();
    await ada.desk.isThere('server.misconfigured');
    await inspect(ada.desk.tab, 'a webhook');
    await ada.desk.end();
  });
});
