// Starts a Kontor of its own: demo data in a temporary folder, on a free port of this machine.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

// start gives where the server is once it answers, and what ends it. KONTOR_BINARY spares the build.
export async function start() {
  const folder = mkdtempSync(join(tmpdir(), 'kontor-clients-'));
  const port = await freePort();
  const base = `http://127.0.0.1:${port}`;
  const binary = process.env.KONTOR_BINARY ?? (await build(join(folder, 'kontor')));
  const kontor = spawn(binary, ['serve'], {
    cwd: folder,
    env: { ...process.env, KONTOR_DEMO: 'true', KONTOR_ADDR: `127.0.0.1:${port}`, KONTOR_BASE_URL: base, KONTOR_LOG_LEVEL: 'warn' },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  kontor.on('error', (err) => console.error(`starting kontor: ${err.message}`));
  const stop = async () => {
    kontor.kill('SIGTERM');
    await new Promise((resolve) => (kontor.exitCode === null ? kontor.on('exit', resolve) : resolve()));
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    await ready(base, kontor);
  } catch (err) {
    await stop();
    throw err;
  }
  return { base, endpoint: `${base}/graphql`, stop };
}

const freePort = () =>
  new Promise((resolve, reject) => {
    const probe = createServer();
    probe.on('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });

const build = (binary) =>
  new Promise((resolve, reject) => {
    const root = fileURLToPath(new URL('..', import.meta.url));
    const compiler = spawn('go', ['build', '-o', binary, './cmd/kontor'], { cwd: root, stdio: 'inherit' });
    compiler.on('error', reject);
    compiler.on('exit', (code) => (code === 0 ? resolve(binary) : reject(new Error(`go build ended with ${code}`))));
  });

// ready waits until the server answers, and gives up when it has ended or after a minute.
async function ready(base, kontor) {
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
