// A team of a demo, used over plain HTTP as its admin's browser would.

import assert from 'node:assert/strict';

import { ADA, SESSION } from '../support/app.mjs';
import { consent } from './simulator.mjs';

export class Team {
  #app;
  #cookie;

  /** The demo's team, as its admin. */
  static async signIn(app) {
    const { value } = await app.signIn(ADA);
    return new Team(app, `${SESSION}=${value}`);
  }

  constructor(app, cookie) {
    this.#app = app;
    this.#cookie = cookie;
  }

  /** Connects Jira as `account`, who reaches several sites; gives the cloud id of the one that is chosen. */
  async connect(account, site) {
    const begun = await this.#post('integrations/jira/connect', {});
    const back = await consent(begun.headers.get('location'), account);
    const arrived = await fetch(back, { headers: { cookie: this.#cookie } });
    const picker = await arrived.text();
    assert.equal(arrived.status, 200, picker);
    const choice = new RegExp(`value="([^"]+)">(?:(?!<input)[^])*<strong>${site}</strong>`);
    const cloudId = picker.match(choice)[1];
    await this.#post('integrations/jira/sites', { cloud_id: cloudId });
    return cloudId;
  }

  /** A new key, read off the page that shows it. */
  async makeKey(name) {
    const page = await (await this.#post('keys', { name }, 200)).text();
    const [key] = page.match(/tfk_[\w-]{49}/);
    this.#app.output.addSecrets(key);
    return key;
  }

  async #post(path, fields, status = 303) {
    const url = `${this.#app.url}/a/acme/${path}`;
    const headers = { origin: this.#app.url, cookie: this.#cookie };
    const body = new URLSearchParams(fields);
    const res = await fetch(url, { method: 'POST', redirect: 'manual', headers, body });
    assert.equal(res.status, status, `POST ${path}: ${await res.clone().text()}`);
    return res;
  }
}
