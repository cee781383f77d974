// A person who has no mouse: only keys, and what has the focus must be seen to have it.

import assert from 'node:assert/strict';

/** More stops than any page has. */
const STOPS = 60;

/** Presses Tab until `target` has the focus; not before the page is whole, for its script gives keys a meaning. */
export async function tabTo(tab, target) {
  await target.waitFor();
  await tab.waitForLoadState();
  for (let stop = 0; stop < STOPS; stop += 1) {
    if (await hasFocus(target)) return;
    await tab.keyboard.press('Tab');
    await assertFocusIsSeen(tab);
  }
  assert.fail(`Tab does not reach ${target}`);
}

/** Goes there and presses `key`. */
export async function press(tab, target, key = 'Enter') {
  await tabTo(tab, target);
  await tab.keyboard.press(key);
}

/** Goes there and types. */
export async function type(tab, target, text) {
  await tabTo(tab, target);
  await tab.keyboard.type(text);
}

/** Waits until it has the focus: `autofocus` gives it with the first frame, which may be later than the text. */
export async function takesFocus(target) {
  await target.and(target.page().locator(':focus')).waitFor();
}

function hasFocus(target) {
  return target.evaluate((it) => it === document.activeElement);
}

/** At least 2 px around what has the focus, or around the label that stands for it. */
async function assertFocusIsSeen(tab) {
  const found = await tab.evaluate(() => {
    const focused = document.activeElement;
    if (!focused || focused === document.body) return undefined;
    const candidates = [focused, focused.closest('label')].filter(Boolean);
    const widths = candidates.map((it) => {
      const { outlineStyle, outlineWidth } = getComputedStyle(it);
      return outlineStyle === 'none' ? 0 : Number.parseFloat(outlineWidth);
    });
    return { element: focused.outerHTML.slice(0, 120), width: Math.max(...widths) };
  });
  if (found) assert.ok(found.width >= 2, `the focus is not seen on ${found.element}`);
}
