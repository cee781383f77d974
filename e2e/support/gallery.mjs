// Every page in every state, written by `cargo run -p web --example gallery` and served as the product would
// serve it: with its content security policy, from 127.0.0.1. Beside them is axe, to look at them with.

import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';

import axe from 'axe-core';

const BINARY = path.resolve(
  import.meta.dirname,
  '..',
  process.env.TFORMANCE_GALLERY_BIN ?? '../target/debug/examples/gallery',
);
/** What a sample asks once it was looked at for ten seconds, as on a busy machine: nothing has changed. */
const LIVE = /^\/a\/[a-z-]+\/integrations\/jira\/summary$/;
const KINDS = { '.html': 'text/html; charset=utf-8', '.css': 'text/css', '.js': 'text/javascript', '.svg': 'image/svg+xml' };

/** Writes and serves the pages. */
export async function startGallery() {
  if (!existsSync(BINARY)) {
    throw new Error(`${BINARY} is missing; build it: cargo build -p web --example gallery`);
  }
  const folder = await mkdtemp(path.join(os.tmpdir(), 'gallery-'));
  await promisify(execFile)(BINARY, [folder]);
  const names = await readdir(folder);
  const policy = await readFile(path.join(folder, 'policy.txt'), 'utf8');
  const files = new Map();
  for (const name of names) files.set(`/${name}`, await readFile(path.join(folder, name)));
  await rm(folder, { recursive: true });
  files.set('/axe.js', Buffer.from(axe.source));

  const server = createServer((req, res) => {
    if (LIVE.test(req.url)) {
      res.writeHead(204).end();
      return;
    }
    const body = files.get(req.url);
    const kind = KINDS[path.extname(req.url)];
    res.writeHead(body ? 200 : 404, {
      'cache-control': 'max-age=3600',
      'content-security-policy': policy,
      'content-type': kind ?? 'text/plain',
    });
    res.end(body ?? 'no such file');
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const pages = names.filter((it) => it.endsWith('.html') && it !== 'index.html');
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    /** Names of the samples, as in `crates/web/examples/gallery`. */
    pages: pages.map((it) => it.slice(0, -'.html'.length)).sort(),
    async stop() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
