import { AppPage } from './page.mjs';

/** The simulated Atlassian: signing in is choosing an account, then comes the consent. */
export class Atlassian extends AppPage {
  async arriveAtLogin() {
    await this.isThere('Log in to continue');
    return this;
  }

  async arriveAtConsent() {
    await this.isThere(/is requesting access to your Atlassian account/);
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

  /** Accepts without following the way back; gives its address. */
  async acceptAndStay() {
    const form = this.tab.locator('form').filter({ has: this.button('Accept') });
    const action = await form.evaluate((it) => it.action);
    const context = await form.locator('input[name=context]').inputValue();
    const res = await this.tab.request.post(action, { form: { context, decision: 'accept' }, maxRedirects: 0 });
    return res.headers().location;
  }

  async cancel() {
    await this.button('Cancel').click();
  }
}
