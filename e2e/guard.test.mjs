// The guard itself: what it is there to find, it finds.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';

import { LoginPage } from './pages/login.mjs';
import { inspect } from './support/inspect.mjs';
import { press } from './support/keyboard.mjs';
import { onOneDatabase } from './support/suite.mjs';

await onOneDatabase(import.meta.url, (test) => {
  const complaints = {
    'what a script tells as an error': [() => console.error('odd'), /^console: odd/],
    'a script that fails': [() => setTimeout(() => { throw new Error('broken'); }), /^page: Error: broken/],
    'what the content security policy refuses': [
      () => document.body.insertAdjacentHTML('beforeend', '<style>p { color: red }</style>'),
      /Content Security Policy/,
    ],
    'a file that is not there': [
      () => document.head.insertAdjacentHTML('beforeend', '<link rel="stylesheet" href="/assets/none.css">'),
      /none\.css/,
    ],
  };
  for (const [what, [misdeed, complaint]] of Object.entries(complaints)) {
    test(`finds ${what}`, async ({ app, browser }) => {
      const tab = await browser.tab();
      await new LoginPage(tab, app).visit();
      await Promise.all([browser.nextComplaint(), tab.evaluate(misdeed)]);
      assert.match(browser.takeComplaints().join('\n'), complaint);
    });
  }

  test('finds a request to another host, which does not get there', async ({ app, browser }) => {
    const tab = await browser.tab();
    await new LoginPage(tab, app).visit();
    await tab.goto('http://elsewhere.example/').catch((err) => assert.match(err.message, /ERR_NAME_NOT_RESOLVED/));
    assert.match(browser.takeComplaints().join('\n'), /^request to elsewhere\.example/);
  });

  test('finds what cannot be read, and what is too wide', async ({ app, browser }) => {
    const tab = await browser.tab();
    await new LoginPage(tab, app).visit();
    await inspect(tab, 'before');
    await tab.locator('h1').evaluate((it) => it.style.setProperty('color', '#8888'));
    await assert.rejects(inspect(tab, 'pale'), /light: color-contrast/);
    await tab.locator('h1').evaluate((it) => {
      it.style.removeProperty('color');
      it.style.setProperty('width', '400px');
    });
    await assert.rejects(inspect(tab, 'wide'), /scrolls sideways/);
  });

  test('finds a focus that is not seen', async ({ app, browser }) => {
    const tab = await browser.tab();
    const login = await new LoginPage(tab, app).visit();
    await login.button('Sign in').evaluate((it) => it.style.setProperty('outline', 'none', 'important'));
    await assert.rejects(press(tab, login.link('Create an account')), /the focus is not seen on <button/);
  });

  test('writes down pages and headers, without the cookies', async ({ app, browser }) => {
    const { cookie, paths } = await app.signUp({ teams: ['Written down'] });
    await browser.use(cookie);
    const tab = await browser.tab();
    await tab.goto(app.url + paths[0]);
    await app.output.flush();
    const pages = await readFile(`${app.output.seen}.pages`, 'utf8');
    const headers = await readFile(`${app.output.seen}.headers`, 'utf8');
    assert.match(pages, /<h1[^>]*>Integrations<\/h1>/);
    assert.match(headers, new RegExp(`^GET ${paths[0]}\\n200\\n`, 'm'));
    assert.doesNotMatch(headers, /^set-cookie/im);
  });
});
