import { expect, test } from 'vitest';
import type { AgentDocument, ServicesDocument, StatusDocument } from '../../apiserver/status.ts';
import { atRevision, type Condition, converged, serviceReady, withAgents } from './conditions.ts';

type Peer = StatusDocument['peers'][number];

const agent = (revision: number | undefined, more: Partial<AgentDocument> = {}): AgentDocument => ({
  node: 'west-1',
  connected: true,
  revision,
  lag: revision === undefined ? undefined : 0,
  services: 1,
  backends: 1,
  refused: [],
  datapath: 'ebpf',
  last_seen_ms: 10,
  ...more,
});

const peer = (more: Partial<Peer> = {}): Peer => ({
  name: 'east',
  phase: 'live',
  endpoints: [],
  plain: false,
  freshness: 'fresh',
  synced: true,
  unsynced: [],
  records: 1,
  disconnects: 0,
  failures: 0,
  admitted: 1,
  quarantined: 0,
  revision: 70,
  reflected: 70,
  ...more,
});

interface At {
  readonly reached?: number;
  readonly changed?: number;
  readonly history?: string;
  readonly agents?: readonly AgentDocument[];
  readonly peers?: readonly Peer[];
  readonly services?: ServicesDocument;
}

function missing(condition: Condition, at: At): readonly string[] {
  const { reached = 20, changed = 20, history = 'one', agents = [], peers = [], services } = at;
  const status: StatusDocument = {
    schema_version: 1,
    cluster: { name: 'west', id: 1 },
    software: '',
    leader: true,
    store: { revision: reached, phase: 'live' },
    source: { objects: 0, problems: [] },
    snapshot: { history, revision: changed, reached, services: 1 },
    peers: [...peers],
    agents: [...agents],
    health: {},
  };
  return condition.missing({ services, status });
}

const serviceAt = (revision: number, ...states: string[]): ServicesDocument => ({
  schema_version: 1,
  revision,
  services: [
    {
      service: 'demo/echo',
      frontends: [],
      ports: [],
      affinity: 'none',
      shared: true,
      backends_by_cluster: {},
      backends: states.map((state, index) => ({ address: `10.0.0.${index}`, cluster: 'east', state, ports: [] })),
    },
  ],
});

test('a revision is reached when the snapshot has it and every agent has programmed it', () => {
  const wanted = atRevision(15);
  expect(missing(wanted, { reached: 14, agents: [agent(20)] })).toEqual(['snapshot at 14 of 15']);
  expect(missing(wanted, { agents: [agent(20), agent(14, { node: 'west-2' })] })).toEqual(['node west-2 at 14 of 15']);
  expect(missing(wanted, { agents: [agent(20), agent(15)] })).toEqual([]);
  expect(missing(wanted, { agents: [agent(undefined)] })).toEqual(['node west-1 has programmed nothing yet']);
  expect(missing(wanted, { agents: [agent(20, { connected: false, last_seen_ms: 2_000 })] })).toEqual([
    'node west-1 is gone for 2.0 s',
  ]);
});

test('a revision that changes no service is reached without any agent being told of it', () => {
  expect(missing(atRevision(18), { reached: 18, changed: 12, agents: [agent(12)] })).toEqual([]);
});

test('agents that are asked for and have not come are missing', () => {
  expect(missing(withAgents(atRevision(15), 2), { agents: [agent(20)] })).toEqual(['1 of 2 agents connected']);
  expect(missing(withAgents(atRevision(15), 1), { agents: [agent(20)] })).toEqual([]);
});

test('a service needs its backends, and every agent at the revision where it first had them', () => {
  const wanted = serviceReady('demo/echo', 2);
  expect(missing(wanted, { services: serviceAt(8, 'active', 'terminating') })).toEqual(['1 of 2 backends']);
  const has = (revision: number) => serviceAt(revision, 'active', 'active');
  expect(missing(wanted, { services: has(10), agents: [agent(9)] })).toEqual(['node west-1 at 9 of 10']);
  expect(missing(wanted, { services: has(14), agents: [agent(10)] })).toEqual([]);
  // The etcd was wiped: what was remembered is of another history.
  expect(missing(wanted, { services: has(14), history: 'two', agents: [agent(10)] })).toEqual([
    'node west-1 at 10 of 14',
  ]);
  expect(missing(serviceReady('demo/other', 1), { services: has(14) })).toEqual(['no global service demo/other']);
});

test('a node that refuses the service does not have it', () => {
  const refused = [{ service: 'demo/echo', code: 'AGENT_MAP_FULL', reason: 'no room' }];
  const at = { services: serviceAt(10, 'active'), agents: [agent(20, { refused })] };
  expect(missing(serviceReady('demo/echo', 1), at)).toEqual(['node west-1 refuses it: [AGENT_MAP_FULL] no room']);
});

test('converged looks at what there was when it began, so that churn does not keep it waiting', () => {
  const wanted = converged();
  expect(missing(wanted, { peers: [peer({ phase: 'listing' })] })).toEqual(['peer east is listing']);
  expect(missing(wanted, { peers: [peer({ revision: 90, reflected: 60 })] })).toEqual([
    'peer east: taken over up to 60 of 70',
  ]);
  const taken = [peer({ revision: 99, reflected: 70 })];
  expect(missing(wanted, { peers: taken, agents: [agent(19)] })).toEqual(['node west-1 at 19 of 20']);
  expect(missing(wanted, { peers: taken, reached: 40, changed: 40, agents: [agent(20)] })).toEqual([]);
});
