// The pictures in docs/screenshots, made from the demo: `npm run screenshots`.

import { mkdir } from 'node:fs/promises';
import path from 'node:path';

import { Atlassian } from './pages/atlassian.mjs';
import { IntegrationsPage } from './pages/integrations.mjs';
import { SitesPage } from './pages/sites.mjs';
import { ADA, startApp } from './support/app.mjs';
import { Browser, startBrowser } from './support/browser.mjs';
import { sqlite } from './support/databases.mjs';

const FOLDER = path.resolve(import.meta.dirname, '../docs/screenshots');
const DESK = { width: 1280, height: 800 };
const PHONE = { width: 390, height: 844 };

await mkdir(FOLDER, { recursive: true });
const app = await startApp('screenshots', sqlite);
const chromium = await startBrowser();
const browser = await Browser.open(chromium, app, { viewport: DESK });
await browser.use(await app.signIn(ADA));
const tab = await browser.tab();
const integrations = await new IntegrationsPage(tab, app).visit('/a/acme/integrations/');
await integrations.shows('Not connected');
await take('integrations-not-connected');
await integrations.connect();
await (await new Atlassian(tab, app).signIn('Mia Krystof')).accept();
const sites = await new SitesPage(tab, app).arrive('Acme');
await sites.site('Acme').check();
await take('choose-site');
await sites.submit().click();
await integrations.shows('Connected');
// What has just happened is told once; the picture shows the page as people come to it.
await integrations.visit('/a/acme/integrations/');
await integrations.shows('Connected');
await take('integrations-connected');
await integrations.link('Disconnect').click();
await integrations.dialog().waitFor();
await take('disconnect');
await browser.close();
await chromium.close();
await app.stop();

/** In light, in dark, and on a phone. */
async function take(name) {
  for (const [suffix, colorScheme, size] of [
    ['', 'light', DESK],
    ['-dark', 'dark', DESK],
    ['-phone', 'light', PHONE],
  ]) {
    await tab.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    await tab.setViewportSize(size);
    await tab.screenshot({ path: path.join(FOLDER, `${name}${suffix}.png`) });
  }
  await tab.setViewportSize(DESK);
}
