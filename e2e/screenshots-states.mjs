// The pictures in docs/screenshots/states and the list of all pictures, made from the gallery: second half of
// `npm run screenshots`.

import { mkdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';

import { startBrowser } from './support/browser.mjs';
import { startGallery } from './support/gallery.mjs';

const FOLDER = path.resolve(import.meta.dirname, '../docs/screenshots');
const DESK = { width: 1280, height: 800 };

/** Samples of the gallery, and what they show. */
const CARD = {
  'not-connected': 'Not connected',
  'setup': 'Not connected, and the server has no Atlassian app yet',
  'connecting-own': 'Connecting: on the way to Atlassian, not back yet',
  'connecting-other': 'Connecting: somebody else is on the way',
  'connecting-try-again': 'Connecting: Atlassian did not answer, the sign-in is kept',
  'choose-site-own': 'Choose a site',
  'choose-site-other': 'Choose a site: somebody else must',
  'connected': 'Connected',
  'told-only-site': 'Connected a moment ago, to the only site there was',
  'connected-choose-account': 'Connected, and a reconnect came back with another account',
  'connected-choose-site': 'Connected, and a reconnect came back without the site in use',
  'test-works': 'Connected, tested: it works',
  'test-failed': 'Connected, tested: Atlassian did not answer',
  'permissions-missing': 'Connected, permissions missing',
  'renew-soon': 'Connected, the consent ends soon',
  'degraded': 'Connected, trouble refreshing',
  'waiting': 'Waiting for Atlassian',
  'misconfigured': 'Blocked by the settings of the server',
  'site-lost': 'The site is no longer available',
  'reconnect-needed': 'Reconnect needed',
  'reconnect-idle': 'Reconnect needed: not used for too long',
  'reconnect-consent-ended': 'Reconnect needed: the consent ended',
  'reconnect-interrupted': 'Reconnect needed: an interrupted refresh',
  'lapsed': 'Not connected, and somebody did not come back from Atlassian',
  'connected-and-lapsed': 'Connected, and somebody did not come back from Atlassian',
  'disconnected': 'Disconnected',
  'unknown': 'The state could not be loaded',
  'member-not-connected': 'What a member sees: not connected',
  'member-connected': 'What a member sees: connected',
  'member-site-lost': 'What a member sees: the site is no longer available',
};
const PAGES = {
  'health-connected': 'A connection: facts, the last 30 days, what happened, who uses it',
  'health-first-day': 'A connection on its first day, on a server without mail',
  'health-degraded': 'A connection with trouble refreshing',
  'health-reconnect-needed': 'A connection that needs people: what was sent, and whether it arrived',
  'member-health-connected': 'A connection, as a member sees it',
  'banner-reconnect': 'The banner on every page of the team: reconnect',
  'banner-site-lost': 'The banner: the site is no longer available',
  'banner-permissions': 'The banner: a permission is missing',
  'banner-renew': 'The banner: the consent ends soon',
  'banner-member': 'The banner, as a member sees it',
  'sites': 'The site picker',
  'sites-change': 'Another site for a connection',
  'account-question': 'Which Atlassian account counts',
  'disconnect-services': 'Disconnect, without JavaScript',
  'keys': 'Keys of services',
  'keys-made': 'Keys, with one just made',
  'keys-narrow': 'Keys that end, are for one site, or are being replaced',
  'keys-chosen': 'A key that may do what is chosen',
  'key-revoke': 'Revoking a key',
  'audit': 'Who changed what',
  'audit-usage': 'Which service called what',
  'audit-errors': 'A filter that cannot be taken',
  'people-invited': 'Members, with an invitation just made',
  'people-as-member': 'Members, as a member sees them',
  'remove': 'Removing a person',
  'settings': 'Settings of a team',
  'account': 'The account',
  'invitation': 'An invitation, for somebody new',
  'invitation-signed-in': 'An invitation, for somebody with an account',
  'login': 'Sign-in',
  'signup-errors': 'Sign-up, with mistakes',
  'first-account': 'The first account of a server',
  'password-forgotten': 'A forgotten password',
  'password-new': 'A new password',
  'problem-no-site': 'No Jira site at all',
  'problem-atlassian-down': 'Atlassian did not answer',
  'problem-client-misconfigured': 'A fault that only the operator can mend',
  'problem-throttled': 'Too many failures',
  'problem-invitation-other-address': 'An invitation for somebody else',
};
const DARK = ['connected', 'health-connected', 'health-reconnect-needed', 'banner-reconnect', 'reconnect-needed', 'keys-made', 'people-invited'];

const gallery = await startGallery();
const chromium = await startBrowser();
const states = path.join(FOLDER, 'states');
await rm(states, { recursive: true, force: true });
await mkdir(states, { recursive: true });
for (const name of [...Object.keys(CARD), ...Object.keys(PAGES)]) await take(name, name, 'light');
for (const name of DARK) await take(name, `${name}-dark`, 'dark');
await writeFile(path.join(FOLDER, 'README.md'), list());
await chromium.close();
await gallery.stop();

/** As high as what it shows, without the ground below. */
async function take(name, file, colorScheme) {
  const tab = await chromium.newPage({ viewport: DESK, colorScheme, reducedMotion: 'reduce' });
  await tab.goto(`${gallery.url}/${name}.html`);
  const height = await tab.evaluate(() => {
    const bottoms = [...document.querySelectorAll('main > *')].map((it) => it.getBoundingClientRect().bottom);
    return Math.ceil(Math.max(...bottoms)) + 40;
  });
  const clip = { x: 0, y: 0, width: DESK.width, height };
  await tab.screenshot({ path: path.join(states, `${file}.png`), fullPage: true, clip });
  await tab.close();
}

/** Of each kind of trouble: what there is, and what it is called. */
function told() {
  const kinds = {
    'reconnect-needed': 'Reconnect needed',
    'site-lost': 'The site is no longer available',
    'permissions-missing': 'A permission is missing',
    'renew-soon': 'The consent ends soon',
    'misconfigured': 'The server is set up wrongly',
    'provider-down': 'Atlassian is down',
  };
  const without = { 'misconfigured': ['banner'], 'provider-down': ['banner', 'mail'] };
  const lines = Object.entries(kinds).map(([name, what]) => {
    const shown = ['banner', 'page', 'mail'].filter((it) => !without[name]?.includes(it));
    return `- ${what}: ${shown.map((it) => `[${it}](drills/${name}-${it}.png)`).join(', ')}`;
  });
  const dark = 'in dark: [banner](drills/reconnect-needed-banner-dark.png), [mail](drills/reconnect-needed-mail-dark.png)';
  return [...lines, `- Reconnect needed, ${dark}`, '- The demo: [inbox](drills/inbox.png), [a drill](drills/drills.png)'].join('\n');
}

function list() {
  const lines = (table) => Object.entries(table).map(([name, what]) => {
    const dark = DARK.includes(name) ? ` ([dark](states/${name}-dark.png))` : '';
    return `- [${what}](states/${name}.png)${dark}`;
  });
  return `# Screenshots

Made by a command, this list too; nothing here is changed by hand:

    cargo build && cargo build -p web --example gallery
    cd e2e && npm ci && npm run screenshots

## The way to a connection

From the demo, in light, in dark (\`-dark\`) and on a phone (\`-phone\`).

- [Not connected](integrations-not-connected.png)
- [Choose a site](choose-site.png)
- [Connected](integrations-connected.png)
- [Disconnect](disconnect.png)

## What people are told

From the demo's drills; what each plays is in [operations](../operations.md#rehearse-it).

${told()}

## States of the card

From the samples in \`crates/web/examples/gallery\`.

${lines(CARD).join('\n')}

## Other pages

${lines(PAGES).join('\n')}
`;
}
