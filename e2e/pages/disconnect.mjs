import { AppPage } from './page.mjs';

/** `/a/{team}/integrations/jira/disconnect`: the question, where there is no script. */
export class DisconnectPage extends AppPage {
  async arrive(site) {
    await this.isThere(`Disconnect ${site}?`);
    return this;
  }

  async confirm(site) {
    await this.button(`Disconnect ${site}`).click();
  }
}
