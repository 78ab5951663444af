import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { RoundEntry } from '../pki/renew/round.ts';
import { ManualClock } from '../runtime/manual-clock.ts';
import { seededRandom } from '../runtime/random.ts';
import { authority } from '../test/samples/certificates.ts';
import { AfterRenewal } from './after-renewal.ts';
import type { RenewalEvent } from './renewal-events.ts';

let dir: string;
const clock = new ManualClock();
const events: RenewalEvent[] = [];
const stop = new AbortController();
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'after-renewal-'));
});
afterEach(async () => {
  stop.abort();
  await rm(dir, { recursive: true, force: true });
});

async function entry(name: string): Promise<RoundEntry> {
  const paths = { cert: join(dir, 'door', 'cert.pem'), key: join(dir, 'door', 'key.pem') };
  const certificate = (await authority({ name })).node;
  return { leaf: { place: { paths, profile: 'door' }, certificate, flaw: undefined }, action: 'kept' };
}

describe('the command that carries certificates', () => {
  test('runs at the start and whenever a leaf is another, and again until it succeeds', async () => {
    const command =
      'test -e "$CLUSTERMESH_PKI/reachable" && echo ran >> "$CLUSTERMESH_PKI/log" || { echo no route >&2; false; }';
    const after = new AfterRenewal({
      command,
      dir,
      clock,
      random: seededRandom(1),
      say: (event) => events.push(event),
    });
    const runs = async () => (await readFile(join(dir, 'log'), 'utf8').catch(() => '')).split('\n').length - 1;
    const running = after.run(stop.signal);
    const [first, second] = [await entry('first'), await entry('second')];

    after.look([first]);
    await vi.waitFor(() => expect(events).toHaveLength(1));
    expect(events[0]).toMatchObject({ event: 'not_carried', reason: 'no route' });
    await writeFile(join(dir, 'reachable'), '');
    await vi.waitFor(() => {
      clock.advance(10_000);
      expect(events.map(({ event }) => event)).toEqual(['not_carried', 'carried']);
    });
    expect(await runs()).toBe(1);

    after.look([first]);
    after.look([second]);
    await vi.waitFor(() => expect(events).toHaveLength(3));
    expect(await runs()).toBe(2);
    stop.abort();
    await running;
  });
});
