// A corpus of chains, good and bad, from a seed: a plain hierarchy, and then up to two things done to it that happen in the field.

import type { Random } from '../../runtime/random.ts';
import {
  authority,
  CLIENT,
  certify,
  DAY,
  dnsName,
  type Issued,
  type KeyKind,
  type Keys,
  keysOf,
  NOW,
  SERVER,
  USAGE,
  uriName,
  type Wish,
} from './certificates.ts';

export interface SampleChain {
  /** What was done, for whoever reads that it failed. */
  readonly title: string;
  /** Leaf first. */
  readonly presented: readonly string[];
  readonly store: readonly string[];
  readonly purpose: 'door' | 'peer' | 'any';
  readonly now: number;
}

/** What is to be issued: names from the root down, and how each differs from the usual. */
interface Plan {
  readonly root: Partial<Wish>[];
  readonly intermediates: Partial<Wish>[];
  leaf: Partial<Wish>;
  now: number;
  purpose: SampleChain['purpose'];
  /** Done with the certificates once they are issued. */
  readonly afterwards: ((chain: Built) => Promise<void> | void)[];
}

interface Built {
  /** Root first. */
  readonly authorities: Issued[];
  leaf: Issued;
  presented: string[];
  store: string[];
}

type Change = readonly [title: string, change: (plan: Plan, pick: <T>(...choice: readonly T[]) => T) => void];

/** The highest intermediates, or the leaf where there is none. */
const at = (plan: Plan, index: number): Partial<Wish> => plan.intermediates[index] ?? plan.leaf;

const CHANGES: readonly Change[] = [
  ['nothing', () => {}],
  ['nothing', () => {}],
  ['leaf expired', (plan) => Object.assign(plan.leaf, { from: NOW - 9 * DAY, to: NOW - 2 * DAY })],
  ['leaf not yet valid', (plan) => Object.assign(plan.leaf, { from: NOW + 2 * DAY })],
  ['intermediate expired', (plan) => Object.assign(at(plan, 0), { from: NOW - 9 * DAY, to: NOW - DAY })],
  ['root expired', (plan) => Object.assign(plan.root[0] ?? {}, { from: NOW - 9 * DAY, to: NOW - DAY })],
  [
    'much later',
    (plan) => {
      plan.now = NOW + 20 * 365 * DAY;
    },
  ],
  [
    'to the second of its end',
    (plan) => {
      plan.now = NOW + 365 * DAY;
    },
  ],
  [
    'a second before its end',
    (plan) => {
      plan.now = NOW + 365 * DAY - 1000;
    },
  ],
  [
    'to the second of its begin',
    (plan) => {
      plan.now = NOW - DAY;
    },
  ],
  ['issuer not an authority', (plan) => Object.assign(at(plan, 0), { ca: false })],
  ['issuer without basic constraints', (plan) => Object.assign(at(plan, 0), { ca: undefined })],
  ['root without basic constraints', (plan) => Object.assign(plan.root[0] ?? {}, { ca: undefined })],
  ['root without anything', (plan) => Object.assign(plan.root[0] ?? {}, { ca: undefined, keyUsage: undefined })],
  ['issuer may not sign', (plan) => Object.assign(at(plan, 0), { keyUsage: USAGE.digitalSignature })],
  ['root may not sign', (plan) => Object.assign(plan.root[0] ?? {}, { keyUsage: USAGE.cRLSign })],
  ['path length of the root', (plan, pick) => Object.assign(plan.root[0] ?? {}, { pathLength: pick(0, 1, 2) })],
  ['path length below', (plan, pick) => Object.assign(at(plan, 0), { pathLength: pick(0, 1) })],
  ['leaf for clients', (plan) => Object.assign(plan.leaf, { extended: [CLIENT] })],
  ['leaf for servers', (plan) => Object.assign(plan.leaf, { extended: [SERVER] })],
  ['leaf for any purpose', (plan) => Object.assign(plan.leaf, { extended: ['2.5.29.37.0'] })],
  ['leaf for code', (plan) => Object.assign(plan.leaf, { extended: ['1.3.6.1.5.5.7.3.3'] })],
  ['leaf for key agreement', (plan) => Object.assign(plan.leaf, { keyUsage: USAGE.keyAgreement })],
  ['leaf for encipherment', (plan) => Object.assign(plan.leaf, { keyUsage: USAGE.keyEncipherment })],
  ['leaf for revocation lists', (plan) => Object.assign(plan.leaf, { keyUsage: USAGE.cRLSign })],
  ['leaf an authority', (plan) => Object.assign(plan.leaf, { ca: true })],
  ['authority for servers only', (plan) => Object.assign(at(plan, 0), { extended: [SERVER] })],
  ['root for clients only', (plan) => Object.assign(plan.root[0] ?? {}, { extended: [CLIENT] })],
  [
    'names permitted',
    (plan, pick) =>
      Object.assign(plan.root[0] ?? {}, {
        permitted: [dnsName(pick('mesh.cilium.io', 'example.org', '.cilium.io', ''))],
      }),
  ],
  [
    'names excluded',
    (plan, pick) =>
      Object.assign(plan.root[0] ?? {}, { excluded: [dnsName(pick('west.mesh.cilium.io', 'example.org'))] }),
  ],
  [
    'URIs permitted',
    (plan, pick) =>
      Object.assign(at(plan, 0), {
        permitted: [uriName(pick('west.clustermesh', 'east.clustermesh', '.clustermesh'))],
      }),
  ],
  [
    'URIs without a host',
    (plan) => {
      Object.assign(plan.root[0] ?? {}, { permitted: [uriName('west.clustermesh')] });
      Object.assign(plan.leaf, { uris: ['urn:west'] });
    },
  ],
  [
    'a name that looks like a host',
    (plan) => {
      Object.assign(plan.root[0] ?? {}, { permitted: [dnsName('cilium.io')] });
      Object.assign(plan.leaf, { name: 'door.example.org', dns: undefined });
    },
  ],
  ['unknown critical extension in the leaf', (plan) => Object.assign(plan.leaf, { critical: '1.2.3.4.5' })],
  ['unknown critical extension above', (plan) => Object.assign(at(plan, 0), { critical: '1.2.3.4.5' })],
  ['SHA-1', (plan) => Object.assign(plan.leaf, { hash: 'SHA-1' })],
  ['short key', (plan) => Object.assign(plan.leaf, { keys: KEYS.get('rsa1024') })],
  [
    'no identifiers',
    (plan) => {
      for (const wish of [plan.leaf, ...plan.intermediates]) Object.assign(wish, { authorityKeyId: false });
    },
  ],
  ['wrong identifier of the issuer', (plan) => Object.assign(plan.leaf, { authorityKeyId: 'abcd' })],
  ['issuer without identifier', (plan) => Object.assign(at(plan, 0), { subjectKeyId: false })],
  ['issuer missing', (plan) => void plan.afterwards.push((built) => void built.presented.splice(1, 1))],
  ['nothing but the leaf', (plan) => void plan.afterwards.push((built) => void built.presented.splice(1))],
  [
    'other order',
    (plan) =>
      void plan.afterwards.push((built) => {
        built.presented = [built.presented[0] ?? '', ...built.presented.slice(1).reverse()];
      }),
  ],
  [
    'root presented',
    (plan) => void plan.afterwards.push((built) => void built.presented.push(built.authorities[0]?.pem ?? '')),
  ],
  [
    'intermediate twice',
    (plan) => void plan.afterwards.push((built) => void built.presented.push(...built.presented.slice(1))),
  ],
  [
    'another store',
    (plan) =>
      void plan.afterwards.push(async (built) => {
        built.store = [(await authority({ name: 'another root' })).pem];
      }),
  ],
  [
    'two stores in one',
    (plan) =>
      void plan.afterwards.push(async (built) => {
        built.store.unshift((await authority({ name: 'another root' })).pem);
      }),
  ],
  [
    'intermediate alone in the store',
    (plan) =>
      void plan.afterwards.push((built) => {
        built.store = [built.authorities[1]?.pem ?? built.leaf.pem];
      }),
  ],
  [
    'intermediate in the store, root presented',
    (plan) =>
      void plan.afterwards.push((built) => {
        built.store = [built.authorities[1]?.pem ?? built.leaf.pem];
        built.presented.push(built.authorities[0]?.pem ?? '');
      }),
  ],
  [
    'intermediate in the store beside the root',
    (plan) =>
      void plan.afterwards.push((built) => {
        built.store.push(built.authorities[1]?.pem ?? built.leaf.pem);
        built.presented.splice(1);
      }),
  ],
  [
    'root of the same name and another key',
    (plan, pick) =>
      void plan.afterwards.push(async (built) => {
        const namesake = await authority({ name: rootName(built) });
        built.store = pick(true, false) ? [namesake.pem] : [namesake.pem, ...built.store];
      }),
  ],
  [
    'root of the same name and identifier, and another key',
    (plan) =>
      void plan.afterwards.push(async (built) => {
        const [root] = built.authorities;
        if (root === undefined) return;
        const identifier = await identifierOf(root);
        built.store = [
          (await authority({ name: rootName(built), subjectKeyId: identifier, authorityKeyId: identifier })).pem,
        ];
      }),
  ],
  [
    'root issued anew for its key',
    (plan) =>
      void plan.afterwards.push(async (built) => {
        const keys = built.authorities[0]?.keys;
        built.store = [(await authority({ name: rootName(built), keys })).pem];
      }),
  ],
  [
    'root issued anew, the old one expired beside it',
    (plan) =>
      void plan.afterwards.push(async (built) => {
        const keys = built.authorities[0]?.keys;
        built.store.unshift((await authority({ name: rootName(built), keys, from: NOW - 9 * DAY, to: NOW - DAY })).pem);
      }),
  ],
  [
    'root signed by another, which the store has',
    (plan) =>
      void plan.afterwards.push(async (built) => {
        const older = await authority({ name: 'older root' });
        built.presented.push(
          (await authority({ name: rootName(built), keys: built.authorities[0]?.keys, issuer: older })).pem,
        );
        built.store = [older.pem];
      }),
  ],
  [
    'root signed by another, both in the store',
    (plan) =>
      void plan.afterwards.push(async (built) => {
        const older = await authority({ name: 'older root' });
        built.presented.push(
          (await authority({ name: rootName(built), keys: built.authorities[0]?.keys, issuer: older })).pem,
        );
        built.store.push(older.pem);
      }),
  ],
  [
    'expired root in the store, a way around it presented',
    (plan) =>
      void plan.afterwards.push(async (built) => {
        const older = await authority({ name: 'older root' });
        const keys = built.authorities[0]?.keys;
        built.presented.push((await authority({ name: rootName(built), keys, issuer: older })).pem);
        built.store = [
          older.pem,
          (await authority({ name: rootName(built), keys, from: NOW - 9 * DAY, to: NOW - DAY })).pem,
        ];
      }),
  ],
  [
    'intermediate signed by two roots',
    (plan) =>
      void plan.afterwards.push(async (built) => {
        const [, intermediate] = built.authorities;
        if (intermediate === undefined) return;
        const older = await authority({ name: 'older root' });
        const name = intermediate.certificate.subject;
        built.presented.splice(1, 0, (await authority({ name, keys: intermediate.keys, issuer: older })).pem);
      }),
  ],
  [
    'leaf signs itself',
    (plan, pick) =>
      void plan.afterwards.push(async (built) => {
        const lonely = await certify({ name: 'lonely', ...LEAF });
        built.presented = [lonely.pem];
        if (pick(true, false)) built.store.push(lonely.pem);
      }),
  ],
  [
    'leaf in the store',
    (plan) =>
      void plan.afterwards.push((built) => {
        built.store = [built.leaf.pem];
      }),
  ],
  [
    'names in other case',
    (plan) =>
      void plan.afterwards.push(async (built) => {
        const keys = built.authorities[0]?.keys;
        built.store = [(await authority({ name: `${rootName(built).toUpperCase().replace(' ', '  ')}`, keys })).pem];
      }),
  ],
  [
    'rubbish beside it',
    (plan) =>
      void plan.afterwards.push(async (built) => {
        for (const name of ['a', 'b']) built.presented.push((await authority({ name })).pem);
      }),
  ],
];

export const CHANGE_COUNT = CHANGES.length;

const LEAF: Partial<Wish> = {
  ca: false,
  keyUsage: USAGE.digitalSignature,
  extended: [SERVER, CLIENT],
  dns: ['west.mesh.cilium.io'],
  uris: ['spiffe://west.clustermesh/apiserver'],
};

const KEYS = new Map<KeyKind, Keys>();
const rootName = ({ authorities }: Built): string => authorities[0]?.certificate.subject ?? 'CN=root';

async function identifierOf({ certificate }: Issued): Promise<string> {
  return Buffer.from(await certificate.publicKey.getKeyIdentifier()).toString('hex');
}

/** `index` chooses what is done, the rest is chance; each index twice, with more done the second time. */
export async function sampleChain(index: number, random: Random): Promise<SampleChain> {
  const pick = <T>(...choice: readonly T[]): T => choice[Math.floor(random.next() * choice.length)] as T;
  for (const kind of ['rsa2048', 'rsa1024'] as const) if (!KEYS.has(kind)) KEYS.set(kind, await keysOf(kind));
  const plan: Plan = {
    root: [{}],
    intermediates: Array.from({ length: pick(0, 1, 1, 2, 2, 3) }, () => ({})),
    leaf: { ...LEAF },
    now: NOW,
    purpose: pick('door', 'peer', 'any'),
    afterwards: [],
  };
  const first = CHANGES[index % CHANGES.length];
  const others =
    index < CHANGES.length ? [] : [pick(...CHANGES), ...(index < 3 * CHANGES.length ? [] : [pick(...CHANGES)])];
  const changes = [first, ...others].filter((change) => change !== undefined);
  for (const [, change] of changes) change(plan, pick);
  const built = await build(plan, pick);
  for (const change of plan.afterwards) await change(built);
  const kinds = [...built.authorities, built.leaf].map(({ keys }) => keys.kind).join(' ');
  return {
    title: `${changes.map(([title]) => title).join(' + ')} (${kinds}; ${plan.purpose})`,
    presented: built.presented,
    store: built.store,
    purpose: plan.purpose,
    now: plan.now,
  };
}

async function build(plan: Plan, pick: <T>(...choice: readonly T[]) => T): Promise<Built> {
  const freshKeys = async (): Promise<Keys> => {
    const kind = pick<KeyKind>('p256', 'p256', 'p384', 'ed25519', 'rsa2048');
    return (kind === 'rsa2048' ? KEYS.get(kind) : undefined) ?? keysOf(kind);
  };
  const root = await authority({ name: 'O=west,CN=root one', keys: await freshKeys(), ...plan.root[0] });
  const authorities = [root];
  for (const [depth, wish] of plan.intermediates.entries()) {
    const issuer = authorities.at(-1);
    // Chance puts the one RSA key at several levels, which would make a key its own issuer.
    const kind = pick<KeyKind>('p256', 'p384', 'ed25519');
    authorities.push(await authority({ name: `intermediate ${depth + 1}`, keys: await keysOf(kind), issuer, ...wish }));
  }
  const leaf = await certify({ name: 'door.west', issuer: authorities.at(-1), keys: await freshKeys(), ...plan.leaf });
  const presented = [
    leaf.pem,
    ...authorities
      .slice(1)
      .reverse()
      .map(({ pem }) => pem),
  ];
  return { authorities, leaf, presented, store: [root.pem] };
}
