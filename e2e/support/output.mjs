// What a run leaves behind, to be searched for secrets afterwards by scripts/find-secrets: everything
// that was seen, and apart from it every secret that must not be in it.

import { createWriteStream, mkdirSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';

const E2E = path.resolve(import.meta.dirname, '..');
const OUTPUT = path.resolve(E2E, process.env.TFORMANCE_TEST_OUTPUT ?? '../target/test-output');

/** Where pictures of failed tests go. */
export const FAILURES = path.join(E2E, '.output');

/** Shorter strings are words, not secrets. */
const SHORTEST = 12;

/** Longer ones can lie across two pages of a database file, where only a piece of them is found. */
const LONG = 256;
const PIECE = 64;

/** The things of one demo. */
export class Output {
  #name;
  #secrets = new Set();
  #streams = new Map();

  constructor(name) {
    this.#name = name;
    for (const folder of ['seen', 'secrets']) mkdirSync(path.join(OUTPUT, folder), { recursive: true });
  }

  /** The path of something that was seen, without what follows the dot. */
  get seen() {
    return path.join(OUTPUT, 'seen', `e2e-${this.#name}`);
  }

  /** Adds to what was seen of one kind: `log`, `pages`, `headers`. */
  add(kind, data) {
    let stream = this.#streams.get(kind);
    if (!stream) {
      stream = createWriteStream(`${this.seen}.${kind}`);
      this.#streams.set(kind, stream);
    }
    stream.write(data);
  }

  /** Adds what must not be seen. */
  addSecrets(...secrets) {
    for (const secret of secrets) this.#secrets.add(secret);
  }

  /** Waits until everything so far can be read. */
  async flush() {
    const streams = [...this.#streams.values()];
    await Promise.all(streams.map((it) => new Promise((done) => it.write('', done))));
  }

  async close() {
    const streams = [...this.#streams.values()];
    await Promise.all(streams.map((it) => new Promise((done) => it.end(done))));
    const lines = [...this.#secrets].filter((it) => it.length >= SHORTEST).flatMap(withPieces);
    await writeFile(path.join(OUTPUT, 'secrets', `e2e-${this.#name}.txt`), `${lines.join('\n')}\n`);
  }
}

function withPieces(secret) {
  if (secret.length < LONG) return [secret];
  const middle = Math.floor(secret.length / 2);
  return [secret, secret.slice(middle, middle + PIECE), secret.slice(-PIECE)];
}
