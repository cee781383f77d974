import { AppPage } from './page.mjs';

/** `/a/{team}/keys`: which services have a key, making one, and the question before one is revoked. */
export class KeysPage extends AppPage {
  async visit(path) {
    await this.open(path);
    return this.arrive();
  }

  async arrive() {
    await this.isThere('Keys');
    return this;
  }

  async make(name) {
    await this.tab.getByLabel('Name of the service').fill(name);
    await this.button('Make a key').click();
  }

  /** Chooses by hand: which calls, methods and paths. */
  async choose(calls, methods, paths) {
    await this.tab.getByRole('radio', { name: 'What I choose' }).check();
    for (const name of [...calls, ...methods]) await this.tab.getByRole('checkbox', { name, exact: false }).check();
    await this.tab.getByLabel('Paths through the proxy').fill(paths.join('\n'));
  }

  /** The key, in the answer to the form that made it. */
  async made(name) {
    await this.isThere(`The key for ${name} is made`, 2);
    return this.tab.locator('[data-copy] code').first().innerText();
  }

  /** The command beside it. */
  async command() {
    return this.tab.locator('[data-copy] code').nth(1).innerText();
  }

  /** What quick starts read from the environment. */
  async variables() {
    return this.tab.getByRole('region', { name: 'Quick starts' }).locator('code').first().innerText();
  }

  /** A quick start, once it is opened. */
  async quickStart(title) {
    const found = this.tab.locator('details').filter({ has: this.tab.getByText(title, { exact: true }) });
    await found.locator('summary').click();
    return (await found.locator('code').innerText()).trimEnd();
  }

  /** The line of a service. */
  service(name) {
    return this.tab.getByRole('listitem').filter({ hasText: name });
  }

  /** Asks; nothing is revoked yet. */
  async askToRevoke(name) {
    await this.link(`Revoke the key of ${name}`).click();
    await this.isThere(`Revoke the key of ${name}?`);
  }

  async confirm() {
    await this.button('Revoke the key').click();
    await this.arrive();
  }
}
