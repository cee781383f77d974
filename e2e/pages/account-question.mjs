import { AppPage } from './page.mjs';

/** `/a/{team}/integrations/jira/account`: another Atlassian account than the connection's signed in. */
export class AccountQuestionPage extends AppPage {
  async arrive() {
    await this.isThere('You signed in with another Atlassian account');
    return this;
  }

  async signInAs(account) {
    await this.button(`Sign in as ${account}`).click();
  }

  async switchTo(account) {
    await this.button(`Switch the connection to ${account}`).click();
  }
}
