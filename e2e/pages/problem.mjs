import { AppPage } from './page.mjs';

/** Any page that says what went wrong. */
export class ProblemPage extends AppPage {
  async arrive(heading) {
    await this.isThere(heading);
    return this;
  }

  /** The code, which is folded away. */
  async code() {
    const code = this.tab.getByRole('definition').first().locator('code');
    if (!(await code.isVisible())) await this.tab.getByText('Technical details').click();
    return code.innerText();
  }
}
