// The lower rungs: does the name lead to an address, and does anything accept a connection there. Nothing is sent.

import { lookup } from 'node:dns/promises';
import { connect, isIP } from 'node:net';
import type { Step } from './climb.ts';
import { failed, passed, type RungFailure } from './rung.ts';

export interface Network {
  /** Addresses of a host name. */
  readonly resolve: (host: string) => Promise<readonly string[]>;
  /** Resolves once the connection is accepted, and closes it. */
  readonly reach: (address: string, port: number, signal: AbortSignal) => Promise<void>;
}

export const systemNetwork: Network = {
  resolve: async (host) => (await lookup(host, { all: true })).map(({ address }) => address),
  reach: (host, port, signal) =>
    new Promise((resolve, reject) => {
      const socket = connect({ host, port, signal });
      socket.once('error', reject);
      socket.once('connect', () => {
        socket.destroy();
        resolve();
      });
    }),
};

/** A resolver asks its second server after a few seconds; slower than this is broken for the link too. */
const NAME_MS = 3_000;
/** The first packet may be lost once: it is sent again after a second. */
const TCP_MS = 3_000;

export function nameStep(host: string, { resolve }: Network, found: (addresses: readonly string[]) => void): Step {
  const failure = (reason: string): RungFailure => ({
    code: 'LADDER_NAME',
    reason: `the name ${host} cannot be resolved: ${reason}`,
    remedy: `Correct the name in the peer's endpoints, or the DNS that this API server asks for ${host}.`,
  });
  return {
    rung: 'name',
    limitMs: NAME_MS,
    late: failure('no DNS server answers'),
    async take() {
      if (isIP(host) !== 0) {
        found([host]);
        return passed(`${host} is an address`);
      }
      try {
        const addresses = await resolve(host);
        found(addresses);
        return addresses.length > 0 ? passed(addresses.join(', ')) : failed('no address', failure('it has no address'));
      } catch (error) {
        const code = codeOf(error);
        return failed(code, failure(code === 'ENOTFOUND' ? 'no such name' : code));
      }
    },
  };
}

/** Tries the addresses in turn; the first that accepts is used above. */
export function tcpStep(
  addresses: () => readonly string[],
  port: number,
  { reach }: Network,
  reached: (address: string) => void,
): Step {
  return {
    rung: 'tcp',
    limitMs: TCP_MS,
    late: {
      code: 'LADDER_TCP_TIMEOUT',
      reason: `port ${port} does not answer at all`,
      remedy: `Let firewalls, security groups and network policies on the way pass TCP port ${port}, and check that the address is routed.`,
    },
    async take(signal) {
      const refusals: string[] = [];
      for (const address of addresses()) {
        try {
          await reach(address, port, signal);
          reached(address);
          return passed(`${address} port ${port} accepts`);
        } catch (error) {
          signal.throwIfAborted();
          refusals.push(`${address}: ${codeOf(error)}`);
        }
      }
      const seen = refusals.join(', ');
      return failed(seen, seen.includes('ECONNREFUSED') ? refusedAt(port) : unreachable(seen));
    },
  };
}

const refusedAt = (port: number): RungFailure => ({
  code: 'LADDER_TCP_REFUSED',
  reason: `nothing listens on port ${port}`,
  remedy: "Start the peer's API server there, or correct the port in the peer's endpoints to its door.listen.",
});

const unreachable = (seen: string): RungFailure => ({
  code: 'LADDER_TCP_UNREACHABLE',
  reason: `the address cannot be reached: ${seen}`,
  remedy: "Route this host to the peer's address, and let no firewall on the way reject it.",
});

export function codeOf(error: unknown): string {
  if (error instanceof Error && 'code' in error && typeof error.code === 'string') return error.code;
  return error instanceof Error ? error.message : String(error);
}
