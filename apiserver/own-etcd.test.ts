import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import type { ClusterName } from '../mesh/model/names.ts';
import { createAuthority, DAY_MS } from '../pki/authority.ts';
import { issue } from '../pki/issue.ts';
import { Health } from '../runtime/health.ts';
import { silentLog } from '../runtime/log.ts';
import { ManualClock } from '../runtime/manual-clock.ts';
import { systemRandom } from '../runtime/random.ts';
import { openTlsFiles } from '../runtime/tls/tls-files.ts';
import { OwnEtcd } from './own-etcd.ts';

const AWAY_MS = 60_000;
const BACK_WITHIN_MS = 2_000;

async function tlsFiles(clock: ManualClock) {
  const dir = await mkdtemp(join(tmpdir(), 'own-etcd-'));
  onTestFinished(() => rm(dir, { recursive: true, force: true }));
  const authority = await createAuthority({ cluster: 'west' as ClusterName, now: clock.now(), days: 1 });
  const leaf = await issue({ authority, profile: 'etcd-client', now: clock.now(), ttlMs: DAY_MS });
  const paths = { ca: [join(dir, 'ca.pem')], cert: join(dir, 'cert.pem'), key: join(dir, 'key.pem') };
  await writeFile(join(dir, 'ca.pem'), authority.certificate);
  await writeFile(paths.cert, leaf.certificate);
  await writeFile(paths.key, leaf.key);
  return openTlsFiles(paths, { clock, log: silentLog });
}

/** An etcd that takes connections and says nothing. */
async function deafEtcd() {
  let asked = 0;
  const server = createServer((socket) => {
    asked += 1;
    socket.destroy();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  return { endpoint: `127.0.0.1:${(server.address() as AddressInfo).port}`, asked: () => asked };
}

test('an etcd that was away for a minute is asked again within two seconds of its return', async () => {
  const clock = new ManualClock(Date.now());
  const { endpoint, asked } = await deafEtcd();
  const tls = await tlsFiles(clock);
  const health = new Health(clock);
  const etcd = new OwnEtcd({ endpoints: [endpoint], tls, clock, random: systemRandom, log: silentLog, health });
  const stop = new AbortController();
  const running = etcd.part.run?.(stop.signal);
  onTestFinished(async () => {
    stop.abort();
    await running;
    await etcd.part.stop?.();
  });
  let failure: Error | undefined;
  for (let away = 0; away < AWAY_MS; away += BACK_WITHIN_MS) {
    // With a failure it begins to wait.
    const failedAgain = () => ![undefined, failure].includes(etcd.mirror.state.lastError);
    await expect.poll(failedAgain).toBe(true);
    failure = etcd.mirror.state.lastError;
    const before = asked();
    clock.advance(BACK_WITHIN_MS);
    await expect.poll(asked).toBeGreaterThan(before);
  }
});
