// The pictures in docs/screenshots/drills: what people are told, for each kind of trouble. Made from the demo's
// drills; second part of `npm run screenshots`.

import { mkdir, rm } from 'node:fs/promises';
import path from 'node:path';

import { Atlassian } from './pages/atlassian.mjs';
import { Desk } from './pages/desk.mjs';
import { HealthPage } from './pages/health.mjs';
import { IntegrationsPage } from './pages/integrations.mjs';
import { ADA, startApp } from './support/app.mjs';
import { Browser, startBrowser } from './support/browser.mjs';
import { sqlite } from './support/databases.mjs';

const FOLDER = path.resolve(import.meta.dirname, '../docs/screenshots/drills');
const SIZE = { width: 1000, height: 640 };

await rm(FOLDER, { recursive: true, force: true });
await mkdir(FOLDER, { recursive: true });
const app = await startApp('screenshots-drills', sqlite);
const chromium = await startBrowser();
const browser = await Browser.open(chromium, app, { viewport: SIZE });
await browser.use(await app.signIn(ADA));
const tab = await browser.tab();
const desk = new Desk(await browser.tab(), app);
const health = new HealthPage(tab, app);

await desk.play('Atlassian is down');
await page('provider-down');
await desk.end();

await desk.play('The grant is revoked');
await drills();
await banner('reconnect-needed', ['light', 'dark']);
await page('reconnect-needed');
await mail('reconnect-needed', 'Jira for Acme needs to be reconnected', ['light', 'dark']);
await desk.visitInbox();
await take(desk.tab, 'inbox', ['light']);
await desk.end();

await desk.play('The client secret was rotated');
await page('misconfigured');
await mail('misconfigured', 'Atlassian refuses Tformance’s client id or secret');
await desk.end();

await app.control.setSwitches({ withheld_scopes: ['read:jira-user'] });
const integrations = await new IntegrationsPage(tab, app).visit('/a/acme/integrations/');
await integrations.button('Reconnect').click();
const atlassian = new Atlassian(tab, app);
await (await atlassian.signIn('Mia Krystof')).accept();
await integrations.shows('Connected — permissions missing');
await desk.visitInbox();
await desk.hasMail('Jira for Acme lacks permissions');
await banner('permissions-missing');
await page('permissions-missing');
await mail('permissions-missing', 'Jira for Acme lacks permissions');
await app.control.resetSwitches();

// The page of the connection asks how it is; with a session that has ended it could not.
await tab.goto('about:blank');
await desk.play('The site is removed');
await browser.use(await app.signIn(ADA));
await banner('site-lost');
await page('site-lost');
await mail('site-lost', 'Jira for Acme has lost its site');
await desk.end();

await tab.goto('about:blank');
await desk.play('The consent ends soon');
await browser.use(await app.signIn(ADA));
await banner('renew-soon');
await page('renew-soon');
await mail('renew-soon', /^Jira for Acme is to be renewed by /);
await desk.end();

await browser.close();
await chromium.close();
await app.stop();

/** The banner, on a page that is about something else. */
async function banner(name, schemes) {
  await tab.goto(`${app.url}/a/acme/members`);
  await health.banner().waitFor();
  await take(tab, `${name}-banner`, schemes);
}

/** The page of the connection. */
async function page(name, schemes) {
  await health.visit('/a/acme/integrations/jira/');
  await take(tab, `${name}-page`, schemes);
}

/** The mail, as a person sees it. */
async function mail(name, subject, schemes) {
  const shown = await desk.read(subject);
  await shown.getByRole('link').first().or(shown.locator('p').first()).first().waitFor();
  await take(desk.tab, `${name}-mail`, schemes);
}

async function drills() {
  await desk.visitDrills();
  await take(desk.tab, 'drills', ['light']);
}

async function take(of, name, schemes = ['light']) {
  for (const colorScheme of schemes) {
    await of.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    const suffix = colorScheme === 'dark' ? '-dark' : '';
    await of.screenshot({ path: path.join(FOLDER, `${name}${suffix}.png`) });
  }
  await of.emulateMedia({ colorScheme: 'light' });
}
