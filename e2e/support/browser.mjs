// Chromium, and a guard around each page that it shows: whatever the browser complains of, and whatever
// it asks of other hosts, fails the test; whatever it received from the app is written down.

import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import { existsSync } from 'node:fs';
import { chromium } from 'playwright-core';

import { SESSION } from './app.mjs';

const EXECUTABLE = process.env.CHROMIUM ?? '/usr/bin/chromium';

/** Longer than anything here takes on a slow machine; a test that waits so long has failed. */
const PATIENCE_MS = 15_000;

/** Starts Chromium. It resolves no names, so that nothing can leave this machine. */
export async function startBrowser() {
  if (!existsSync(EXECUTABLE)) {
    throw new Error(`${EXECUTABLE} is missing; install it: apt-get install chromium (or set CHROMIUM)`);
  }
  return chromium.launch({
    executablePath: EXECUTABLE,
    // A signal ends the process once the demos are cleared away (app.mjs), not before.
    handleSIGINT: false,
    handleSIGTERM: false,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1',
    ],
  });
}

/** One person's browser, with cookies of its own. */
export class Browser {
  context;
  #app;
  #complaints = [];
  #heard = new EventEmitter();
  #failedDocuments = new Set();
  #recordings = new Set();

  static async open(chromium, app, options = {}) {
    const browser = new Browser();
    browser.#app = app;
    browser.context = await chromium.newContext({ locale: 'en-GB', timezoneId: 'UTC', ...options });
    browser.context.setDefaultTimeout(PATIENCE_MS);
    browser.#guard();
    return browser;
  }

  /** A new tab. */
  async tab() {
    const page = await this.context.newPage();
    await this.#record(page);
    return page;
  }

  /** Makes it somebody's browser: the cookie as the app gave it, but for `attributes`. */
  async use(cookie, attributes = {}) {
    await this.context.addCookies([{ ...cookie, ...attributes }]);
  }

  /** The session cookie, as the browser keeps it. */
  async session() {
    const cookies = await this.context.cookies(this.#app.url);
    return cookies.find((it) => it.name === SESSION);
  }

  /** What the browser complained of so far. */
  complaints() {
    const isErrorPage = (it) => it.document !== undefined && this.#failedDocuments.has(it.document);
    return this.#complaints.filter((it) => !isErrorPage(it)).map((it) => it.text);
  }

  /** Waits for one. */
  async nextComplaint() {
    await once(this.#heard, 'complaint');
  }

  /** What it complained of, and forgets it: for tests that expect complaints. */
  takeComplaints() {
    const told = this.complaints();
    this.#complaints = [];
    return told;
  }

  /** Closes it; a complaint fails the test. */
  async close() {
    await this.context.close();
    const failures = await Promise.allSettled(this.#recordings);
    const unseen = failures.filter((it) => it.status === 'rejected').map((it) => String(it.reason));
    assert.deepEqual([...this.takeComplaints(), ...unseen], [], 'the browser complained');
  }

  #guard() {
    const { context } = this;
    const complain = (text, document) => {
      this.#complaints.push({ text, document });
      this.#heard.emit('complaint');
    };
    context.on('console', (message) => {
      if (!['error', 'warning'].includes(message.type())) return;
      // An error page is told as a resource that failed to load; of everything but pages that is a fault.
      const isStatus = message.text().startsWith('Failed to load resource: the server responded');
      const { url } = message.location();
      complain(`console: ${message.text()} (${url})`, isStatus ? url : undefined);
    });
    context.on('weberror', (err) => complain(`page: ${err.error().stack}`));
    context.on('request', (request) => {
      const { hostname, protocol } = new URL(request.url());
      if (['data:', 'blob:', 'about:'].includes(protocol)) return;
      if (!['127.0.0.1', 'localhost'].includes(hostname)) complain(`request to ${hostname}`);
    });
    context.on('response', (response) => {
      const request = response.request();
      if (request.isNavigationRequest() && response.status() >= 400) {
        this.#failedDocuments.add(request.url());
      }
    });
    context.on('page', (page) => page.on('crash', () => complain('a page crashed')));
  }

  // Every answer of the app is held until its body was read: afterwards the browser may have moved on
  // and forgotten it.
  async #record(page) {
    const { output, url } = this.#app;
    const session = await this.context.newCDPSession(page);
    const record = async (event) => {
      const { requestId, request, responseStatusCode: status, responseHeaders = [] } = event;
      try {
        const heard = [];
        for (const { name, value } of responseHeaders) {
          if (name.toLowerCase() === 'set-cookie') {
            const token = value.match(new RegExp(`^${SESSION}=([^;]+)`))?.[1];
            if (token) output.addSecrets(token);
          } else {
            heard.push(`${name}: ${value}`);
          }
        }
        const path = new URL(request.url).pathname;
        output.add('headers', `${request.method} ${path}\n${status}\n${heard.join('\n')}\n\n`);
        const hasBody = status !== undefined && ![204, 303, 304].includes(status);
        if (hasBody) {
          const { body, base64Encoded } = await session.send('Fetch.getResponseBody', { requestId });
          output.add('pages', `${request.method} ${path}\n`);
          const bytes = Buffer.from(body, base64Encoded ? 'base64' : 'utf8');
          output.add('pages', withoutNewKey(request.method, path, bytes, output));
          output.add('pages', '\n');
        }
        await session.send('Fetch.continueRequest', { requestId });
      } catch (err) {
        // The browser gave the request up, as for the first of a double click.
        if (!/Invalid InterceptionId|Target page, context or browser has been closed|Session closed/.test(err.message)) throw err;
      }
    };
    session.on('Fetch.requestPaused', (event) => {
      this.#recordings.add(record(event));
    });
    await session.send('Fetch.enable', {
      patterns: [{ urlPattern: `${url}/*`, requestStage: 'Response' }],
    });
  }
}

/** A key may be read in the answer to a form that makes one, and nowhere else. */
function withoutNewKey(method, path, bytes, output) {
  if (method !== 'POST' || !/^\/a\/[^/]+\/keys(\/[^/]+\/rotate)?$/.test(path)) return bytes;
  return bytes.toString('utf8').replace(/tfk_[\w-]{49}/g, (key) => {
    output.addSecrets(key);
    return 'tfk_…';
  });
}
