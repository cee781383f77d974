import { AppPage } from './page.mjs';

/** `/a/{team}/integrations/` */
export class IntegrationsPage extends AppPage {
  async visit(path) {
    await this.open(path);
    return this.arrive();
  }

  async arrive() {
    await this.isThere('Integrations');
    return this;
  }

  /** The card of Jira. */
  card() {
    return this.tab.getByRole('listitem').filter({ has: this.heading('Jira', 2) });
  }

  /** Waits until the card tells this state, in the pill's exact words; a button may repeat them. */
  async shows(state) {
    await this.card().getByText(state, { exact: true }).first().waitFor();
    await this.tab.waitForLoadState();
    return this;
  }

  /** The chosen site as the card tells it: name, host and address. */
  async site() {
    const link = this.card().getByRole('link', { name: /\.atlassian\.net$/ });
    const host = await link.innerText();
    const name = await this.card().getByRole('heading', { level: 3 }).innerText();
    return { name: name.replace(host, '').trim(), host, url: await link.getAttribute('href') };
  }

  async connect() {
    await this.button('Connect Jira').click();
  }

  async testConnection() {
    await this.button('Test connection').click();
  }

  /** The question before a connection ends; without script it is a page of its own. */
  dialog() {
    return this.tab.getByRole('alertdialog');
  }

  async disconnect(site) {
    await this.link('Disconnect').click();
    await this.dialog().getByRole('button', { name: `Disconnect ${site}` }).click();
  }
}
