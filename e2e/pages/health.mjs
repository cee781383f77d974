import { AppPage } from './page.mjs';

/** `/a/{team}/integrations/jira/` */
export class HealthPage extends AppPage {
  async visit(path) {
    await this.open(path);
    return this.arrive();
  }

  async arrive() {
    await this.isThere('Jira connection');
    return this;
  }

  /** The line that says how it is, and is read out when it changes. */
  summary() {
    return this.tab.locator('[data-live]');
  }

  /** Waits until the line tells this state, in the pill's exact words. */
  async shows(state) {
    await this.summary().getByText(state, { exact: true }).waitFor();
    return this;
  }

  /** What the page says while people are needed. */
  banner() {
    return this.tab.locator('section.banner');
  }

  /** The rows of what happened. */
  timeline() {
    return this.tab.getByRole('table', { name: /^Refreshes and changes/ }).getByRole('row');
  }
}
