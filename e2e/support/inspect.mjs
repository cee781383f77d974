// What must hold for every page that a person can reach: WCAG 2.2 AA as far as axe can tell, in light and
// dark, and nothing to scroll sideways on the narrowest screen.

import assert from 'node:assert/strict';
import { AxeBuilder } from '@axe-core/playwright';

const RULES = {
  light: (axe) => axe.withTags(['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']),
  // The same document in other colours: what depends on them is looked at again, at half the time.
  dark: (axe) => axe.withRules(['color-contrast', 'link-in-text-block']),
};
const NARROW = { width: 320, height: 640 };

/** Looks at the page as it stands; `name` is for the message. */
export async function inspect(tab, name) {
  const found = [];
  const title = await tab.title();
  if (!title) found.push('it has no title');
  const headings = await tab.getByRole('heading', { level: 1 }).count();
  if (headings !== 1) found.push(`it has ${headings} headings of the first level`);
  for (const [colorScheme, withRules] of Object.entries(RULES)) {
    await tab.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    // Pages have no frames; without this a blank page is opened for each look.
    const axe = withRules(new AxeBuilder({ page: tab })).setLegacyMode();
    const { violations } = await axe.analyze();
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
