import { AppPage } from './page.mjs';

/** The simulated Atlassian: signing in is choosing an account, then comes the consent. */
export class Atlassian extends AppPage {
  async arriveAtLogin() {
    await this.heading('Log in to continue').waitFor();
    return this;
  }

  async arriveAtConsent() {
    await this.heading(/is requesting access to your Atlassian account/).waitFor();
    return this;
  }

  account(name) {
    return this.tab.getByRole('button', { name });
  }

  async signIn(account) {
    await this.arriveAtLogin();
    await this.account(account).click();
    return this.arriveAtConsent();
  }

  async accept() {
    await this.button('Accept').click();
  }

  async cancel() {
    await this.button('Cancel').click();
  }
}
