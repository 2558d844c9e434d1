// A daemon on free ports with an empty store. DAYBOOKD names the program.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

const DAY_MS = 86400000;
const TRIES = 200;

/** Resolves with its address once it is ready. */
export async function startEngine() {
  const dir = mkdtempSync(path.join(tmpdir(), 'daybook-page-'));
  const daemon = spawn(process.env.DAYBOOKD, [
    `--data-dir=${dir}/data`, `--ingest-listen=ipc://${dir}/i`, `--query-listen=ipc://${dir}/q`, '--push-listen=', '--feed-listen=',
    '--http-listen=127.0.0.1:*', '--checkpoint-ms=200', `--data-floor=${new Date(Date.now() - 60 * DAY_MS).toISOString().slice(0, 10)}`,
  ]);
  let log = '';
  const origin = await new Promise((done, fail) => {
    daemon.on('exit', (code) => fail(new Error(`daybookd ended with ${code}:\n${log}`)));
    daemon.stderr.on('data', (chunk) => {
      log += chunk;
      const found = / http=(127\.0\.0\.1:\d+)/.exec(log);
      if (found) done(`http://${found[1]}`);
    });
  });
  for (let i = 0; !(await fetch(`${origin}/readyz`).then((r) => r.ok, () => false)); i++) {
    if (i === TRIES) throw new Error(`not ready:\n${log}`);
    await new Promise((next) => setTimeout(next, 25));
  }
  return {
    origin,
    close: async () => {
      daemon.removeAllListeners('exit');
      const gone = new Promise((done) => daemon.on('exit', done));
      daemon.kill();
      await gone;
      rmSync(dir, { recursive: true, force: true });
    },
  };
}
