import { readFile } from 'node:fs/promises';

import { AppPage } from './page.mjs';

/** `/a/{team}/audit` */
export class AuditPage extends AppPage {
  async visit(path) {
    await this.open(path);
    return this.arrive();
  }

  async arrive() {
    await this.isThere('Audit');
    return this;
  }

  /** The rows of what is shown, without the head. */
  rows() {
    return this.tab.getByRole('table').locator('tbody tr');
  }

  /** A field of the filter. */
  field(label) {
    return this.tab.getByLabel(label, { exact: true });
  }

  async show() {
    await this.button('Show').click();
    return this.arrive();
  }

  /** The file behind a link: its name and its lines. */
  async file(label) {
    const download = this.tab.waitForEvent('download');
    await this.link(label).click();
    const file = await download;
    const text = await readFile(await file.path(), 'utf8');
    return { name: file.suggestedFilename(), lines: text.trimEnd().split(/\r?\n/) };
  }
}
