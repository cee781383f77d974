// Every page in every state of the gallery, also those that take a day or an accident to reach: looked at in
// light, in dark, and at 320 px.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { Browser, startBrowser } from './support/browser.mjs';
import { startGallery } from './support/gallery.mjs';
import { inspect } from './support/inspect.mjs';

const DESK = { width: 1280, height: 800 };
/** Tabs at a time; more do not help on two cores. */
const TABS = 2;

describe('gallery', { concurrency: TABS }, () => {
  let chromium;
  let gallery;

  before(async () => {
    [chromium, gallery] = await Promise.all([startBrowser(), startGallery()]);
  });
  after(async () => {
    await chromium.close();
    await gallery.stop();
  });

  for (let part = 0; part < TABS; part += 1) {
    test(`samples, part ${part + 1} of ${TABS}`, async () => {
      const names = gallery.pages.filter((_, index) => index % TABS === part);
      assert.ok(names.length > 40, `${names.length} samples`);
      const browser = await Browser.open(chromium, gallery, { viewport: DESK });
      // Not `browser.tab()`: what samples hold need not be written down.
      const tab = await browser.context.newPage();
      const found = [];
      for (const name of names) {
        await tab.goto(`${gallery.url}/${name}.html`);
        await inspect(tab, name, '/axe.js').catch((err) => found.push(err.message));
      }
      await browser.close();
      assert.deepEqual(found, []);
    });
  }

  test('what is no trouble yet is put away for this browser, and the focus goes on', async () => {
    const browser = await Browser.open(chromium, gallery, { viewport: DESK });
    const tab = await browser.context.newPage();
    await tab.goto(`${gallery.url}/banner-renew.html`);
    const banner = tab.locator('section.banner');
    await tab.getByRole('button', { name: 'Put away' }).click();
    assert.ok(await banner.isHidden());
    assert.equal(await tab.evaluate(() => document.activeElement.tagName), 'H2');
    await tab.reload();
    assert.ok(await banner.isHidden(), 'it stays away');
    await tab.goto(`${gallery.url}/banner-reconnect.html`);
    assert.ok(await banner.isVisible());
    assert.equal(await tab.getByRole('button', { name: 'Put away' }).count(), 0);
    await browser.close();
  });
});
