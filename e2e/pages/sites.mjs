import { AppPage } from './page.mjs';

/** `/a/{team}/integrations/jira/sites`: the picker. */
export class SitesPage extends AppPage {
  async arrive(team) {
    await this.isThere(`Which Jira site should ${team} use?`);
    return this;
  }

  sites() {
    return this.tab.getByRole('radio');
  }

  site(name) {
    return this.tab.getByRole('radio', { name });
  }

  submit() {
    return this.button('Use this site');
  }

  async choose(name) {
    await this.site(name).check();
    await this.submit().click();
  }

  async discard() {
    await this.button('Cancel and discard this sign-in').click();
  }
}
