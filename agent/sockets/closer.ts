// Closes sockets that are connected to a backend which the service they dialled has no more, so that their applications dial
// again and reach another one. UDP needs it: such a socket would send into nothing without ever hearing of it. Works by level:
// a sweep looks at every connected socket of the node, and destroys those that the programs led to a backend which is gone. A
// socket that reached the same address by itself is not known to the programs, and so never touched.

import type { Family } from '../../mesh/model/address.ts';
import { Backoff } from '../../runtime/backoff.ts';
import { type Clock, sleep } from '../../runtime/clock.ts';
import { errnoText } from '../../runtime/errno.ts';
import { OperationalError, reasonOf } from '../../runtime/errors.ts';
import type { Log } from '../../runtime/log.ts';
import type { Random } from '../../runtime/random.ts';
import { WakeableSleep } from '../../runtime/wakeable-sleep.ts';
import type { Pause } from '../pause.ts';
import type {
  ConnectedSocket,
  DialledServices,
  NamespaceDoor,
  NamespaceSockets,
  NodeSockets,
  SocketPlace,
  SocketProtocol,
} from './port.ts';
import { type IsWithdrawn, type Standing, withdrawals } from './withdrawn.ts';

export interface SocketCloserDeps {
  readonly sockets: NodeSockets;
  readonly dialled: DialledServices;
  /** Undefined as long as it is not known what is desired, or what the maps hold. */
  readonly standing: () => MarkedStanding | undefined;
  readonly protocols: readonly SocketProtocol[];
  readonly clock: Clock;
  readonly random: Random;
  readonly pause: Pause;
  readonly log: Log;
}

export interface MarkedStanding extends Standing {
  /** Another one when a backend may have been withdrawn from a service since. */
  readonly mark: string;
}

export interface SocketsReport {
  readonly destroyed: Readonly<Record<SocketProtocol, number>>;
  /** Sockets that the kernel did not close. */
  readonly failed: number;
  /** Of the last sweep. */
  readonly namespaces: number;
  /** Of those, the ones that could not be entered or asked. */
  readonly unreachable: number;
  /** Of the last sweep: processes whose namespace could not be found out. */
  readonly hiddenProcesses: number;
  readonly sweeps: number;
  readonly lastSweepMicros: number | undefined;
  /** Of the last sweep, if it had any. */
  readonly lastError: string | undefined;
}

/** Found connected to a backend that the service it dialled had no more. */
interface Suspect {
  readonly socket: ConnectedSocket;
  readonly service: SocketPlace;
}

/**
 * After a sweep: several withdrawals in a row are one. Where they never end, sweeps take a tenth of the time, unless that would
 * leave applications waiting for longer than they wait for an answer.
 */
const PAUSE_MS = { min: 250, max: 2_000 };
const PAUSE_PER_SWEEP = 10;
/** Closes what a sweep has missed, for whatever reason: a namespace that could not be entered, say. */
const RESWEEP_MS = 300_000;
const BACKOFF = { delayMsMin: 1_000, delayMsMax: 60_000 };
/** Some ten microseconds each. */
const DESTROYED_PER_TURN = 64;
const EOPNOTSUPP = 95;
const FAMILIES: readonly Family[] = [4, 6];

export class SocketCloser {
  readonly #deps: SocketCloserDeps;
  readonly #backoff: Backoff;
  /** Without those that this kernel does not destroy. */
  readonly #protocols: Set<SocketProtocol>;
  readonly #destroyed = { TCP: 0, UDP: 0 };
  #failed = 0;
  #namespaces = 0;
  #unreachable = 0;
  #hiddenProcesses = 0;
  #sweeps = 0;
  #lastSweepMicros: number | undefined;
  #lastError: string | undefined;
  #refusal: string | undefined;
  #swept: string | undefined;
  #sweepAt = Number.NEGATIVE_INFINITY;
  readonly #idle: WakeableSleep;

  constructor(deps: SocketCloserDeps) {
    this.#deps = deps;
    this.#idle = new WakeableSleep(deps.clock);
    this.#backoff = new Backoff(deps.random, BACKOFF);
    this.#protocols = new Set(deps.protocols);
  }

  get report(): SocketsReport {
    return {
      destroyed: { ...this.#destroyed },
      failed: this.#failed,
      namespaces: this.#namespaces,
      unreachable: this.#unreachable,
      hiddenProcesses: this.#hiddenProcesses,
      sweeps: this.#sweeps,
      lastSweepMicros: this.#lastSweepMicros,
      lastError: this.#lastError,
    };
  }

  /** Something may have been withdrawn: look at the standing again. */
  look(): void {
    this.#idle.wake();
  }

  /** Goes on until the signal aborts. Rejects only for a bug. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#deps;
    while (!signal.aborted && this.#protocols.size > 0) {
      const standing = this.#deps.standing();
      if (standing === undefined || !this.#isDue(standing)) {
        await this.#idle.sleep(standing === undefined ? RESWEEP_MS : this.#sweepAt - clock.monotonic(), signal);
        continue;
      }
      const started = clock.monotonic();
      try {
        await this.#sweep(standing, signal);
        const took = clock.monotonic() - started;
        this.#lastSweepMicros = Math.round(took * 1_000);
        this.#swept = standing.mark;
        this.#sweepAt = started + RESWEEP_MS;
        this.#backoff.reset();
        await this.#rest(Math.min(PAUSE_MS.max, Math.max(PAUSE_MS.min, took * PAUSE_PER_SWEEP)), signal);
      } catch (error) {
        if (!(error instanceof OperationalError)) throw error;
        this.#lastError = reasonOf(error);
        log.warn('sockets of withdrawn backends cannot be closed', { error });
        await this.#rest(this.#backoff.next(), signal);
      }
    }
  }

  #isDue({ mark }: MarkedStanding): boolean {
    return mark !== this.#swept || this.#deps.clock.monotonic() >= this.#sweepAt;
  }

  async #sweep(standing: Standing, signal: AbortSignal): Promise<void> {
    const { sockets, pause } = this.#deps;
    const before = this.report;
    const isWithdrawn = withdrawals(standing);
    const { doors, hiddenProcesses } = await sockets.namespaces(pause);
    const problems: string[] = [];
    for (const door of doors) {
      if (signal.aborted) return;
      await pause();
      const problem = await this.#sweepNamespace(door, isWithdrawn);
      if (problem !== undefined) problems.push(problem);
    }
    this.#sweeps += 1;
    this.#namespaces = doors.length;
    this.#hiddenProcesses = hiddenProcesses;
    this.#unreachable = problems.length;
    this.#lastError = problems[0] ?? (this.#failed > before.failed ? this.#refusal : undefined);
    this.#tell(before);
  }

  /** Once for a sweep, however many sockets it was about; of namespaces when it begins. */
  #tell(before: SocketsReport): void {
    const { log } = this.#deps;
    const { destroyed, failed, namespaces, unreachable, lastError: reason } = this.report;
    const closed = destroyed.TCP + destroyed.UDP - before.destroyed.TCP - before.destroyed.UDP;
    if (closed > 0) log.info('sockets of withdrawn backends are closed', { sockets: closed, namespaces });
    if (failed > before.failed)
      log.warn('sockets of withdrawn backends were not closed', {
        sockets: failed - before.failed,
        reason: this.#refusal,
      });
    if (unreachable > 0 && before.unreachable === 0)
      log.warn('sockets in some network namespaces are not closed', { namespaces: unreachable, reason });
  }

  /** What was in the way; the other namespaces are swept all the same. */
  async #sweepNamespace(door: NamespaceDoor, isWithdrawn: IsWithdrawn): Promise<string | undefined> {
    let inside: NamespaceSockets | undefined;
    try {
      inside = door.open();
      if (inside === undefined) return undefined;
      // The kernel gives one list at a time, so that a socket is closed only after its list has ended.
      await this.#destroyAll(inside, await this.#withdrawn(inside, isWithdrawn));
      return undefined;
    } catch (error) {
      if (error instanceof OperationalError) return `network namespace ${door.id}: ${error.message}`;
      throw error;
    } finally {
      inside?.close();
    }
  }

  async #withdrawn(inside: NamespaceSockets, isWithdrawn: IsWithdrawn): Promise<readonly Suspect[]> {
    const { dialled, pause } = this.#deps;
    const found: Suspect[] = [];
    for (const family of FAMILIES) {
      for (const protocol of this.#protocols) {
        for (const sockets of inside.list(family, protocol)) {
          for (const socket of sockets) {
            const service = dialled.serviceOf(socket);
            if (service !== undefined && isWithdrawn(protocol, service, socket.peer)) found.push({ socket, service });
          }
          await pause();
        }
      }
    }
    return found;
  }

  /** Judged again, without a turn in between: a backend that came meanwhile has sockets that nobody knew of before. */
  async #destroyAll(inside: NamespaceSockets, suspects: readonly Suspect[]): Promise<void> {
    for (let at = 0; at < suspects.length; at += DESTROYED_PER_TURN) {
      const standing = this.#deps.standing();
      if (standing === undefined) return;
      const isWithdrawn = withdrawals(standing);
      for (const { socket, service } of suspects.slice(at, at + DESTROYED_PER_TURN)) {
        if (isWithdrawn(socket.protocol, service, socket.peer)) this.#destroy(inside, socket);
      }
      await this.#deps.pause();
    }
  }

  #destroy(inside: NamespaceSockets, socket: ConnectedSocket): void {
    const { protocol } = socket;
    if (!this.#protocols.has(protocol)) return;
    const outcome = inside.destroy(socket);
    if (outcome === 'destroyed') this.#destroyed[protocol] += 1;
    else if (outcome !== 'gone') {
      this.#failed += 1;
      this.#refusal = `${protocol}: ${errnoText(outcome.errno)}`;
      // A kernel that cannot do it will not learn it: it is not asked again.
      if (outcome.errno === EOPNOTSUPP) this.#protocols.delete(protocol);
    }
  }

  async #rest(delayMs: number, signal: AbortSignal): Promise<void> {
    await sleep(this.#deps.clock, delayMs, signal).catch(() => undefined);
  }
}

/** Of an agent that closes none: where nothing is forwarded, there is no such socket. */
export const NO_SOCKETS_REPORT: SocketsReport = {
  destroyed: { TCP: 0, UDP: 0 },
  failed: 0,
  namespaces: 0,
  unreachable: 0,
  hiddenProcesses: 0,
  sweeps: 0,
  lastSweepMicros: undefined,
  lastError: undefined,
};
