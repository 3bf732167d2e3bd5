// Runs the GraphQL-over-HTTP audits of graphql-http, and subscriptions with the usual clients, against a
// Kontor of its own: demo data in a temporary folder, on a free port. Ends with 1 when something fails.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { serverAudits } from 'graphql-http';
import { subscriptions } from './subscriptions.mjs';

const freePort = () =>
  new Promise((resolve, reject) => {
    const probe = createServer();
    probe.on('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });

const folder = mkdtempSync(join(tmpdir(), 'kontor-audit-'));
const port = await freePort();
const base = `http://127.0.0.1:${port}`;
const binary = process.env.KONTOR_BINARY ?? join(folder, 'kontor');
if (!process.env.KONTOR_BINARY) {
  const root = fileURLToPath(new URL('..', import.meta.url));
  await new Promise((resolve, reject) => {
    const build = spawn('go', ['build', '-o', binary, './cmd/kontor'], { cwd: root, stdio: 'inherit' });
    build.on('error', reject);
    build.on('exit', (code) => (code === 0 ? resolve() : reject(new Error(`go build ended with ${code}`))));
  });
}
const kontor = spawn(binary, ['serve'], {
  cwd: folder,
  env: { ...process.env, KONTOR_DEMO: 'true', KONTOR_ADDR: `127.0.0.1:${port}`, KONTOR_BASE_URL: base, KONTOR_LOG_LEVEL: 'warn' },
  stdio: ['ignore', 'ignore', 'inherit'],
});
kontor.on('error', (err) => console.error(`starting kontor: ${err.message}`));
let failed = 0;
try {
  await ready();
  let passed = 0;
  const audits = serverAudits({ url: `${base}/graphql`, fetchFn: fetch });
  for (const audit of audits) {
    const result = await audit.fn();
    if (result.status === 'ok') {
      passed += 1;
      continue;
    }
    if (result.status !== 'notice') failed += 1;
    console.log(`${result.status} ${audit.id} ${audit.name}: ${result.reason}`);
  }
  console.log(`${passed} passed, ${failed} failed, ${audits.length - passed - failed} skipped`);
  const wrong = await subscriptions(base);
  failed += wrong.length;
  console.log(wrong.length === 0 ? 'graphql-ws and graphql-sse are told of orders' : wrong.join('\n'));
} finally {
  kontor.kill('SIGTERM');
  await new Promise((resolve) => (kontor.exitCode === null ? kontor.on('exit', resolve) : resolve()));
  rmSync(folder, { recursive: true, force: true });
}
process.exit(failed > 0 ? 1 : 0);

// ready waits until the server answers, and gives up when it has ended or after a minute.
async function ready() {
  const deadline = Date.now() + 60_000;
  for (;;) {
    if (kontor.exitCode !== null) throw new Error(`kontor ended with ${kontor.exitCode}`);
    try {
      if ((await fetch(`${base}/readyz`)).ok) return;
    } catch {
      // not listening yet
    }
    if (Date.now() > deadline) throw new Error('kontor did not get ready');
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
