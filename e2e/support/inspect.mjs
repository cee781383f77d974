// What must hold for every page that a person can reach: WCAG 2.2 AA as far as axe can tell, in light and
// dark, and nothing to scroll sideways on the narrowest screen.

import assert from 'node:assert/strict';
import { AxeBuilder } from '@axe-core/playwright';

const TAGS = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
const NARROW = { width: 320, height: 640 };

/** Looks at the page as it stands; `name` is for the message. */
export async function inspect(tab, name) {
  const found = [];
  const title = await tab.title();
  if (!title) found.push('it has no title');
  const headings = await tab.getByRole('heading', { level: 1 }).count();
  if (headings !== 1) found.push(`it has ${headings} headings of the first level`);
  for (const colorScheme of ['light', 'dark']) {
    await tab.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    const { violations } = await new AxeBuilder({ page: tab }).withTags(TAGS).setLegacyMode().analyze();
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
