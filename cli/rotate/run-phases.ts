// Carries a rotation through its phases: before each that others depend on it waits until nothing stands in the way any more, or
// says what does. It can be ended at any time and run again: where it stands is in the folder, not here.

import type { TrustDocument } from '../../apiserver/bundles/trust-document.ts';
import type { Authority } from '../../pki/authority.ts';
import type { StoredAuthority } from '../../pki/authority-files.ts';
import { LeafFolder } from '../../pki/renew/leaf-folder.ts';
import { carryOut, rotationFiles, type StepOutcome } from '../../pki/rotate/carry-out.ts';
import { nextAuthority } from '../../pki/rotate/next-authority.ts';
import { type Rotation, type RotationPhase, readRotation } from '../../pki/rotate/rotation.ts';
import { activateSteps, prepareSteps, type RotationStep, retireSteps } from '../../pki/rotate/steps.ts';
import { spkiPins } from '../../pki/spki.ts';
import type { Clock } from '../../runtime/clock.ts';
import { OperationalError } from '../../runtime/errors.ts';
import { certificatesOf } from '../../runtime/tls/pem.ts';
import { type AskedServer, type FolderState, notAsked, untilAnnounced, untilShown } from './agreement.ts';

export type PhaseName = 'prepare' | 'activate' | 'retire';

export interface RotateRequest {
  readonly dir: string;
  readonly phases: readonly PhaseName[];
  readonly servers: readonly string[];
  /** `host:port` of each member of the own etcd. */
  readonly etcd: readonly string[];
  /** It was restarted since the next authority was prepared: it is not asked. */
  readonly etcdRestarted: boolean;
  /** Whatever stands in the way. */
  readonly force: boolean;
  readonly dryRun: boolean;
  /** How long to wait before each phase; 0: look once. */
  readonly timeoutMs: number;
  /** An authority to take instead of making one. */
  readonly given?: StoredAuthority | undefined;
}

export interface RotateDeps {
  /** `/v1/trust` of an API server; rejects with an OperationalError. */
  readonly ask: (server: string) => Promise<TrustDocument>;
  /** Why an etcd does not take what `next` signs. */
  readonly untilEtcdTakes: (endpoint: string, next: Authority, store: string) => Promise<string | undefined>;
  readonly clock: Clock;
  /** Keeps the process alive meanwhile. */
  readonly pause: (ms: number) => Promise<void>;
  readonly onProgress: (line: string) => void;
}

export interface RotateOutcome {
  readonly cluster: string;
  /** Where it stands now. */
  readonly phase: RotationPhase;
  /** Done, or what would be. */
  readonly steps: readonly StepOutcome[];
  /** What stands in the way of the next phase. */
  readonly waiting: readonly string[];
  /** What stood in the way and was passed over. */
  readonly passedOver: readonly string[];
  /** Agents that nobody waits for, because they cannot be asked. */
  readonly notAsked: readonly string[];
}

const PAUSE_MS = 500;

export async function runPhases(request: RotateRequest, deps: RotateDeps): Promise<RotateOutcome> {
  const { dir, dryRun, force } = request;
  const done: StepOutcome[] = [];
  const passedOver: string[] = [];
  const outcome = async (waiting: readonly string[] = []): Promise<RotateOutcome> => {
    const rotation = await readRotation(dir);
    const [servers, folder] = await folderAndServers(rotation, request, deps);
    const { cluster, phase } = rotation;
    // Where no API server answers, nothing is known of agents; where one was needed, that stands in the way already.
    const unasked = servers.length === 0 ? [] : notAsked(servers, folder);
    return { cluster, phase, steps: done, waiting, passedOver, notAsked: unasked };
  };
  for (const phase of request.phases) {
    const rotation = await readRotation(dir);
    if (request.phases.length > 1 && isBehind(phase, rotation.phase)) continue;
    const steps = await stepsOf(phase, rotation, request, deps.clock);
    if (dryRun) {
      done.push(...steps.map((step) => ({ step })));
      const standing = steps.length === 0 ? [] : await obstaclesOf(phase, rotation, request, deps);
      if (steps.length > 0) return outcome(standing);
      continue;
    }
    if (steps.length === 0) continue;
    if (force) passedOver.push(...(await obstaclesOf(phase, rotation, request, deps)));
    else {
      const waiting = await waitFor(() => obstaclesOf(phase, rotation, request, deps), phase, request, deps);
      if (waiting.length > 0) return outcome(waiting);
    }
    deps.onProgress(PROGRESS[phase]);
    const outcomes = await carryOut(steps, {
      files: rotationFiles(dir),
      leaves: new LeafFolder({ dir }),
      now: deps.clock.now(),
    });
    done.push(...outcomes);
    if (outcomes.some(({ failure }) => failure !== undefined)) return outcome();
  }
  return outcome();
}

/** What peers have yet to take once the old authority is gone: nobody depends on it, and it is good to know. */
export async function untilTaken(request: RotateRequest, deps: RotateDeps): Promise<readonly string[]> {
  const rotation = await readRotation(request.dir);
  const look = async () => {
    const [servers, folder, silent] = await folderAndServers(rotation, request, deps);
    return [...silent, ...untilAnnounced(servers, folder)];
  };
  return waitFor(look, 'retire', request, deps);
}

const PROGRESS: Readonly<Record<PhaseName, string>> = {
  prepare: 'prepare: the next authority is announced beside the one that signs',
  activate: 'activate: the next authority signs, and every certificate is issued anew',
  retire: 'retire: the old authority is taken out of ca.pem',
};

/** The phase is over: what it does has been done. */
const isBehind = (name: PhaseName, phase: RotationPhase): boolean =>
  name === 'prepare' && (phase === 'prepared' || phase === 'activated');

async function stepsOf(
  name: PhaseName,
  rotation: Rotation,
  { given, force }: RotateRequest,
  clock: Clock,
): Promise<readonly RotationStep[]> {
  switch (name) {
    case 'prepare':
      if (rotation.phase === 'prepared' && given === undefined) return [];
      return prepareSteps(rotation, await nextAuthority(rotation, { now: clock.now(), given }));
    case 'activate':
      return activateSteps(rotation);
    case 'retire':
      return retireSteps(rotation, { force });
    default:
      return name satisfies never;
  }
}

async function obstaclesOf(
  name: PhaseName,
  rotation: Rotation,
  request: RotateRequest,
  deps: RotateDeps,
): Promise<readonly string[]> {
  if (name === 'prepare') return [];
  // What signs already goes on signing.
  if (name === 'activate' && rotation.phase === 'activated') return [];
  const [servers, folder, silent] = await folderAndServers(rotation, request, deps);
  if (name === 'retire') return [...silent, ...untilShown(servers, folder)];
  return [...silent, ...untilAnnounced(servers, folder), ...(await etcdObstacles(rotation, request, deps))];
}

async function etcdObstacles(
  { next, stored }: Rotation,
  { etcd, etcdRestarted }: RotateRequest,
  { untilEtcdTakes }: RotateDeps,
): Promise<readonly string[]> {
  const authority = next?.authority;
  if (etcdRestarted || authority === undefined) return [];
  if (etcd.length === 0) {
    return [
      'etcd reads its trusted authorities only when it starts: restart every member, then name them with --etcd host:port, or say --etcd-restarted',
    ];
  }
  const found = await Promise.all(etcd.map((endpoint) => untilEtcdTakes(endpoint, authority, stored.bundle)));
  return found.filter((obstacle) => obstacle !== undefined);
}

async function folderAndServers(
  { cluster, stored, leaves }: Rotation,
  { servers }: RotateRequest,
  { ask }: RotateDeps,
): Promise<readonly [readonly AskedServer[], FolderState, readonly string[]]> {
  const answers = await Promise.all(
    servers.map(async (server) => {
      try {
        return { server, document: await ask(server) };
      } catch (error) {
        if (!(error instanceof OperationalError)) throw error;
        return `${server} was not asked: ${error.reason}`;
      }
    }),
  );
  const agents = leaves.flatMap(({ place: { node }, certificate }): readonly (readonly [string, string])[] =>
    certificate === undefined || node === undefined ? [] : [[node, certificate.fingerprint256]],
  );
  const shown = leaves.flatMap(({ place: { profile }, certificate }): readonly (readonly [string, string])[] =>
    certificate === undefined || profile === 'agent' ? [] : [[PARTS[profile] ?? '', certificate.fingerprint256]],
  );
  return [
    answers.filter((answer) => typeof answer !== 'string'),
    {
      cluster,
      pins: spkiPins([stored.bundle]),
      leaves: new Map(shown),
      authorities: certificatesOf(stored.bundle).map(({ fingerprint256 }) => fingerprint256),
      agents: new Map(agents),
    },
    answers.filter((answer) => typeof answer === 'string'),
  ];
}

/** Which part of an API server shows the certificate of a profile. */
const PARTS: Readonly<Record<string, string>> = {
  'etcd-client': 'etcd',
  door: 'door',
  rpc: 'rpc',
  http: 'http',
  peer: 'peer',
};

/** Looks until nothing stands in the way, or the time is over: then what still does. */
async function waitFor(
  look: () => Promise<readonly string[]>,
  phase: PhaseName,
  { timeoutMs }: RotateRequest,
  { clock, pause, onProgress }: RotateDeps,
): Promise<readonly string[]> {
  const until = clock.monotonic() + timeoutMs;
  const told = new Set<string>();
  for (;;) {
    const obstacles = await look();
    if (obstacles.length === 0 || clock.monotonic() >= until) return obstacles;
    for (const obstacle of obstacles) {
      if (!told.has(obstacle)) onProgress(`${phase} waits: ${obstacle}`);
      told.add(obstacle);
    }
    await pause(PAUSE_MS);
  }
}
