// The control address of the simulated Atlassian: faults, clock, counts, secrets.

/** What a test may ask of the simulator. */
export class Control {
  #url;

  constructor(url) {
    this.#url = url;
  }

  /**
   * Lets requests fail: `fault('resources', { status: 503 })` all of them, with `times` the next ones.
   * The kinds of faults are those of `Fault` in crates/atlassian-sim.
   */
  fault(on, fault, times) {
    return this.#ask('POST', '/faults', { on, fault, times });
  }

  /** Forgets all faults. */
  clearFaults() {
    return this.#ask('DELETE', '/faults');
  }

  /** Moves the clock that simulator and service share. */
  advance(seconds) {
    return this.#ask('POST', '/clock', { advance_seconds: seconds });
  }

  /** How often each thing was done. */
  counts() {
    return this.#ask('GET', '/counts');
  }

  /** Every code and token ever issued, and the app's secret. */
  secrets() {
    return this.#ask('GET', '/secrets');
  }

  /** The newest pair of an account, by its name. */
  tokens(account) {
    return this.#ask('GET', `/tokens/${encodeURIComponent(account)}`);
  }

  /** The account removes the app: its grants end. */
  revoke(account) {
    return this.#ask('POST', '/revoke', { account });
  }

  /** Changes a site; see `SiteChange` in crates/atlassian-sim. */
  changeSite(cloudId, change) {
    return this.#ask('POST', `/sites/${cloudId}`, change);
  }

  /** Sets the switches that are named; see `Switches` in crates/atlassian-sim. */
  setSwitches(switches) {
    return this.#ask('POST', '/switches', switches);
  }

  /** All switches as they are without a hand on them. */
  resetSwitches() {
    return this.#ask('DELETE', '/switches');
  }

  async #ask(method, path, body) {
    const res = await fetch(`${this.#url}${path}`, {
      method,
      headers: body ? { 'content-type': 'application/json' } : {},
      body: body ? JSON.stringify(body) : undefined,
    });
    const text = await res.text();
    if (!res.ok) throw new Error(`${method} ${path} of the simulator: ${res.status} ${text}`);
    return text ? JSON.parse(text) : undefined;
  }
}
