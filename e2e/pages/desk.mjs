import { AppPage } from './page.mjs';

/** Longer than any drill takes on a slow machine. */
const DRILL_MS = 100_000;

/** The demo's own pages: the inbox and the drills. They are at an address of their own. */
export class Desk extends AppPage {
  async open(path) {
    await this.tab.goto(this.app.inbox + path);
    return this;
  }

  async visitInbox() {
    await this.open('/');
    await this.isThere('Inbox');
    return this;
  }

  async visitDrills() {
    await this.open('/drills');
    await this.isThere('Drills');
    return this;
  }

  /** Plays a drill, up to where one looks around; the page loads itself again until then. */
  async play(title) {
    await this.visitDrills();
    await this.tab.getByRole('region', { name: title, exact: true }).getByRole('button', { name: 'Play it' }).click();
    await this.hasCome('Played.');
  }

  /** Ends the drill that was played. */
  async end() {
    await this.visitDrills();
    await this.button('End the drill').click();
    await this.hasCome('Over.');
  }

  /** A drill that failed says why: it is shown instead of waiting in vain. */
  async hasCome(word) {
    const status = this.tab.getByRole('status').filter({ hasText: new RegExp(`^(${word}|Failed:)`) });
    await status.waitFor({ timeout: DRILL_MS });
    const said = await status.innerText();
    if (!said.startsWith(word)) throw new Error(said);
  }

  /** The links to mails, newest first. */
  mails() {
    return this.tab.getByRole('region', { name: 'Mails' }).getByRole('link');
  }

  /** The newest mail with this subject, as a person sees it. */
  async read(subject) {
    await this.visitInbox();
    await this.mailsOf(subject).first().click();
    await this.isThere(subject);
    return this.tab.frameLocator('iframe');
  }

  /** The links to mails with this subject, newest first. */
  mailsOf(subject) {
    return this.mails().filter({ hasText: subject });
  }

  /** Waits until so many mails with this subject are there; the inbox is looked at again until then. */
  async hasMail(subject, count = 1) {
    const mail = this.mailsOf(subject).nth(count - 1);
    const deadline = Date.now() + DRILL_MS;
    while (!(await mail.isVisible())) {
      if (Date.now() > deadline) throw new Error(`no mail came: ${subject}`);
      await this.link('Look again').click();
      await this.isThere('Inbox');
    }
  }

  /** Who a mail is to. */
  async to() {
    return this.tab.getByRole('definition').nth(1).innerText();
  }

  /** The webhooks, newest first. */
  webhooks() {
    return this.tab.getByRole('region', { name: 'Webhooks' }).getByRole('listitem');
  }
}
