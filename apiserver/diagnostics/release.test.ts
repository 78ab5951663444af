// Given a peer that was rebuilt, when a person confirms it, then its new state is used, the decision is stored by whoever
// writes, and both another replica and the next process begin from it.

import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { ClusterName } from '../../mesh/model/names.ts';
import { cardKey, encodeCard } from '../../mesh/wire/card.ts';
import { systemClock } from '../../runtime/clock.ts';
import { silentLog } from '../../runtime/log.ts';
import { seededRandom } from '../../runtime/random.ts';
import { codes, jsonOf, named, only, type SampleCluster, sampleCard, wholeCluster } from '../../test/samples/mesh.ts';
import { AdmissionEngine } from '../admission/engine.ts';
import { localFacts } from '../local-facts.ts';
import { peerIntake } from '../own-state.ts';
import type { ReflectedPeers } from '../reflect/port.ts';
import { Reflector } from '../reflect/reflector.ts';
import { MemoryStore } from '../store/memory-store.ts';
import type { Mirror } from '../store/port.ts';
import { releaseFinding } from './release.ts';

const FENCE = { key: 'clustermesh/v1/election/writer', modRevision: 0 };
const west = wholeCluster('west', 1);
const central = wholeCluster('central', 2);
const rebuilt: SampleCluster = { ...central, card: { uid: 'after the rebuild' } };
const peer = named('central');

let store: MemoryStore;
let stop: AbortController;
beforeEach(() => {
  store = new MemoryStore();
  stop = new AbortController();
});
afterEach(() => stop.abort());

/** One API server of the cluster, as far as decisions are concerned. */
class Replica {
  readonly admission = new AdmissionEngine({ local: named('west'), clock: systemClock });
  readonly mirror: Mirror;
  readonly leading: boolean;
  readonly #reflector: Reflector;

  constructor(leading: boolean) {
    this.leading = leading;
    const facts = localFacts(named('west'), this.admission, () => leading);
    this.mirror = store.createMirror({
      prefixes: ['cilium/', 'clustermesh/'],
      spanning: true,
      observer: {
        onBatch: (batch) => {
          facts.onBatch(batch);
          this.#reflector.onOwnBatch(batch);
        },
      },
    });
    this.#reflector = new Reflector({
      self: named('west'),
      store,
      observed: this.mirror.entries,
      peers: this.#outcomes(),
      clock: systemClock,
      random: seededRandom(1),
      log: silentLog,
    });
    this.admission.onChange((name, keys) => {
      this.#reflector.onRecords(name, keys);
      this.#reflector.onDeclarations(name);
    });
    void this.mirror.run(stop.signal);
    if (leading) void this.#reflector.lead(stop.signal, FENCE);
  }

  #outcomes(): ReflectedPeers {
    const { admission } = this;
    return {
      known: true,
      names: () => [peer],
      peer: (name: ClusterName) => ({
        record: { name, freshness: 'fresh', synced: true },
        admitted: admission.admitted(name),
        quarantined: admission.encodedQuarantine(name),
        pieces: (key) => admission.admittedPieces(name, key),
        inPieces: false,
        config: undefined,
        card: admission.admittedCard(name),
        complete: true,
      }),
    };
  }

  async started(cluster: SampleCluster): Promise<this> {
    await vi.waitFor(() => expect(this.mirror.state.phase).toBe('live'));
    const intake = peerIntake(this.admission, this.mirror.entries, (name) => this.#reflector.onDeclarations(name));
    this.admission.setLocalCard(encodeCard(sampleCard(west)));
    intake.addPeer(peer);
    intake.setCard(peer, encodeCard(sampleCard(cluster)));
    return this;
  }

  rebuild(): this {
    this.admission.setCard(peer, encodeCard(sampleCard(rebuilt)));
    return this;
  }

  release(fingerprint: string) {
    const { admission, mirror, leading } = this;
    return releaseFinding(fingerprint, {
      admission,
      report: () => admission.report(),
      own: mirror.entries,
      leading: () => leading,
      clock: systemClock,
      log: silentLog,
    });
  }

  get codes(): readonly string[] {
    return codes(this.admission.report());
  }
}

const storedUid = async () => {
  const stored = await store.get(cardKey(peer));
  return stored === undefined ? undefined : (jsonOf(stored.value) as { uid: string }).uid;
};

test('a confirmed rebuild is stored by the leader, and taken over by another replica and by the next process', async () => {
  const leader = await new Replica(true).started(central);
  await vi.waitFor(async () => expect(await storedUid()).toBe('uid-of-central'));
  const standby = await new Replica(false).started(central);
  for (const replica of [leader, standby]) expect(replica.rebuild().codes).toEqual(['CM-ID-004']);
  expect(await storedUid()).toBe('uid-of-central');

  const { fingerprint } = only(leader.admission.report(), 'CM-ID-004');
  expect(await standby.release(fingerprint)).toEqual({ result: 'standby' });
  expect(await leader.release(fingerprint)).toMatchObject({ result: 'released', cluster: 'central', recorded: true });
  expect(await storedUid()).toBe('after the rebuild');
  await vi.waitFor(() => expect(standby.codes).toEqual([]));
  expect((await new Replica(false).started(rebuilt)).codes).toEqual([]);
  expect(await leader.release(fingerprint)).toEqual({ result: 'unknown' });
});

test('a finding that goes with its cause is not for a person to decide', async () => {
  const leader = await new Replica(true).started({ ...central, card: { podCIDRs: ['10.1.0.0/17', '10.2.0.0/16'] } });
  const overlap = only(leader.admission.report(), 'CM-CIDR-001');
  expect(await leader.release(overlap.fingerprint)).toMatchObject({
    result: 'undecidable',
    finding: { code: 'CM-CIDR-001' },
  });
  expect(leader.codes).toEqual(['CM-CIDR-001']);
});
