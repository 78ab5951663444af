// A TLS listener and its clients over files that a renewer changes. Keys and handshakes are real, and so is what takes the files over;
// the dates are judged on both sides by the artificial clock, with the product's own verification, since TLS itself knows no other
// clock than the machine's.

import type { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { connect, createServer, type Server, type TLSSocket } from 'node:tls';
import type { ClusterLayout } from '../../pki/layout.ts';
import type { OwnLeaf } from '../../pki/trust/own-leaf.ts';
import { verifyChain } from '../../pki/trust/verify-chain.ts';
import type { Clock } from '../../runtime/clock.ts';
import { silentLog } from '../../runtime/log.ts';
import { openTlsFiles, type TlsFilesFollower } from '../../runtime/tls/tls-files.ts';

export class FollowedDoor {
  readonly #clock: Clock;
  readonly #door: TlsFilesFollower;
  readonly #peer: TlsFilesFollower;
  readonly #server: Server;

  private constructor(clock: Clock, door: TlsFilesFollower, peer: TlsFilesFollower, server: Server) {
    this.#clock = clock;
    this.#door = door;
    this.#peer = peer;
    this.#server = server;
  }

  static async open(layout: ClusterLayout, clock: Clock): Promise<FollowedDoor> {
    const ca = [layout.authority.cert];
    const deps = { clock, log: silentLog };
    const door = await openTlsFiles({ ca, ...layout.leaf('door') }, deps);
    const peer = await openTlsFiles({ ca, ...layout.leaf('peer') }, deps);
    const server = createServer({ requestCert: true, rejectUnauthorized: false }, (socket) => socket.pipe(socket));
    door.source.addIdentityCertificateListener((identity) => {
      if (identity !== null) server.setSecureContext({ cert: identity.certificate, key: identity.privateKey });
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new FollowedDoor(clock, door, peer, server);
  }

  /** What an API server would say of the leaves that it shows. */
  get leaves(): readonly OwnLeaf[] {
    return [
      { use: 'door', ...this.#door.inUse },
      { use: 'peer', ...this.#peer.inUse },
    ];
  }

  get store(): readonly string[] {
    return [this.#door.source.material.ca];
  }

  /** Takes over what has changed on disk, as the followers do by themselves within seconds. */
  async look(): Promise<void> {
    await Promise.all([this.#door.reload(), this.#peer.reload()]);
  }

  /** A new connection that stays open, and why either side would refuse the other at this moment of the artificial clock. */
  async connect(): Promise<{ readonly socket: TLSSocket; readonly refusals: readonly string[] }> {
    const { port } = this.#server.address() as AddressInfo;
    const { certificate: cert, key } = this.#peer.source.material;
    const accepted = once(this.#server, 'secureConnection') as Promise<[TLSSocket]>;
    const socket = connect({ port, host: '127.0.0.1', cert, key, rejectUnauthorized: false });
    await once(socket, 'secureConnect');
    const [there] = await accepted;
    const refusals = [
      ...this.#refusals(socket.getPeerX509Certificate(), 'door'),
      ...this.#refusals(there.getPeerX509Certificate(), 'peer'),
    ];
    return { socket, refusals };
  }

  close(): void {
    this.#server.close();
  }

  #refusals(leaf: X509Certificate | undefined, purpose: 'door' | 'peer'): readonly string[] {
    if (leaf === undefined) return [`${purpose}: shows no certificate`];
    const { usable, problems } = verifyChain({ chain: [leaf], store: this.store, purpose, now: this.#clock.now() });
    return usable ? [] : problems.map(({ reason }) => `${purpose}: ${reason}`);
  }
}

/** Whether what is sent comes back: the stream is alive. */
export async function echoes(socket: TLSSocket, text: string): Promise<boolean> {
  socket.write(text);
  const [answer] = (await once(socket, 'data')) as [Buffer];
  return answer.toString() === text;
}
