// What every page of the app has.

/** A page in a tab; subclasses say how it is recognised and what one does there. */
export class AppPage {
  constructor(tab, app) {
    this.tab = tab;
    this.app = app;
  }

  /** A heading; the page is there when it is seen. */
  heading(name, level = 1) {
    return this.tab.getByRole('heading', { level, name });
  }

  /** Waits for the page of this heading, whole: what stands below is read in, and the script has run. */
  async isThere(name, level = 1) {
    await this.heading(name, level).waitFor();
    await this.tab.waitForLoadState();
  }

  button(name) {
    return this.tab.getByRole('button', { name, exact: true });
  }

  link(name) {
    return this.tab.getByRole('link', { name, exact: true });
  }

  /** The message about what has just happened. */
  status() {
    return this.tab.getByRole('status').filter({ hasText: /\S/ });
  }

  /** The list of what is wrong with a form. */
  alert() {
    return this.tab.getByRole('alert');
  }

  async open(path) {
    await this.tab.goto(this.app.url + path);
    return this;
  }

  async signOut() {
    await this.button('Sign out').click();
    await this.isThere('Sign in');
  }
}
