// What must hold for every page that a person can reach: WCAG 2.2 AA as far as axe can tell, in light and
// dark, and nothing to scroll sideways on the narrowest screen.

import assert from 'node:assert/strict';
import axe from 'axe-core';

const RULES = {
  light: { type: 'tag', values: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] },
  // The same document in other colours: what depends on them is looked at again, at half the time.
  dark: { type: 'rule', values: ['color-contrast', 'link-in-text-block'] },
};
const NARROW = { width: 320, height: 640 };

/** Looks at the page once it is whole; `name` is for the message. `axeAt`: an address of axe on the same host. */
export async function inspect(tab, name, axeAt) {
  await tab.waitForLoadState();
  const found = [];
  const title = await tab.title();
  if (!title) found.push('it has no title');
  const headings = await tab.getByRole('heading', { level: 1 }).count();
  if (headings !== 1) found.push(`it has ${headings} headings of the first level`);
  // A file is compiled once for all pages; where none is served, the policy of the page has no say in this.
  await (axeAt ? tab.addScriptTag({ url: axeAt }) : tab.evaluate(axe.source));
  for (const [colorScheme, runOnly] of Object.entries(RULES)) {
    await tab.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    const options = { runOnly, resultTypes: ['violations'] };
    const violations = await tab.evaluate(async (it) => (await window.axe.run(document, it)).violations, options);
    for (const { id, help, nodes } of violations) {
      found.push(`${colorScheme}: ${id}: ${help}: ${nodes.map((it) => it.html).join(' | ')}`);
    }
  }
  const size = tab.viewportSize();
  await tab.setViewportSize(NARROW);
  const tooWide = await tab.evaluate(() => {
    const { scrollWidth, clientWidth } = document.documentElement;
    if (scrollWidth <= clientWidth) return [];
    const all = [...document.body.querySelectorAll('*')];
    const wide = all.filter((it) => it.getBoundingClientRect().right > clientWidth);
    return [`${scrollWidth} px wide`, ...wide.map((it) => it.outerHTML.slice(0, 80))];
  });
  if (tooWide.length > 0) found.push(`it scrolls sideways: ${tooWide.join(' | ')}`);
  await tab.setViewportSize(size);
  assert.deepEqual(found, [], `${name} (${title})`);
}
