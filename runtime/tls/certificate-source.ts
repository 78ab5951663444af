// Certificates in memory that grpc-js takes for every new handshake, so that a rotation needs no restart and ends no stream.
// CA and pair change together, in one turn of the event loop. It checks nothing: whoever publishes has (material.ts).

import type { SecureContext } from 'node:tls';
import { experimental, type ServerCredentials } from '@grpc/grpc-js';
import { clientContext } from './client-context.ts';
import type { TlsMaterial } from './material.ts';

export class CertificateSource implements experimental.CertificateProvider {
  readonly #caListeners = new Set<experimental.CaCertificateUpdateListener>();
  readonly #identityListeners = new Set<experimental.IdentityCertificateUpdateListener>();
  readonly #listeners = new Set<() => void>();
  #material: TlsMaterial;
  #clientContext: SecureContext | undefined;

  constructor(material: TlsMaterial) {
    this.#material = material;
  }

  get material(): TlsMaterial {
    return this.#material;
  }

  /** For the next handshake of a client; throws where the material cannot be used. */
  get clientContext(): SecureContext {
    this.#clientContext ??= clientContext(this.#material);
    return this.#clientContext;
  }

  /** A server makes everything that it holds anew with each word it is told: it is told only what is another than before. */
  publish(material: TlsMaterial): void {
    const before = this.#material;
    this.#material = material;
    this.#clientContext = undefined;
    const samePair = material.certificate === before.certificate && material.key === before.key;
    if (material.ca !== before.ca) for (const listener of this.#caListeners) this.#tellCa(listener);
    if (!samePair) for (const listener of this.#identityListeners) this.#tellIdentity(listener);
    for (const listener of this.#listeners) listener();
  }

  /** Calls after each change, when handshakes use the new material already. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  // A server registers its listeners before the socket that they update: an answer within the call would be lost.
  addCaCertificateListener(listener: experimental.CaCertificateUpdateListener): void {
    this.#caListeners.add(listener);
    queueMicrotask(() => this.#tellCa(listener));
  }

  removeCaCertificateListener(listener: experimental.CaCertificateUpdateListener): void {
    this.#caListeners.delete(listener);
  }

  addIdentityCertificateListener(listener: experimental.IdentityCertificateUpdateListener): void {
    this.#identityListeners.add(listener);
    queueMicrotask(() => this.#tellIdentity(listener));
  }

  removeIdentityCertificateListener(listener: experimental.IdentityCertificateUpdateListener): void {
    this.#identityListeners.delete(listener);
  }

  #tellCa(listener: experimental.CaCertificateUpdateListener): void {
    if (this.#caListeners.has(listener)) listener({ caCertificate: Buffer.from(this.#material.ca) });
  }

  #tellIdentity(listener: experimental.IdentityCertificateUpdateListener): void {
    if (!this.#identityListeners.has(listener)) return;
    listener({
      certificate: Buffer.from(this.#material.certificate),
      privateKey: Buffer.from(this.#material.key),
    });
  }
}

/**
 * Mutual TLS for a server: a client without a certificate that some CA of the source vouches for is refused.
 *
 * The same source stands for both arguments, always: grpc-js 1.14.7 declares (ca, identity) and forwards them to a
 * constructor that takes (identity, ca), so that two separate providers fail every handshake in the documented order.
 */
export const serverCredentials = (source: CertificateSource): ServerCredentials =>
  experimental.createCertificateProviderServerCredentials(source, source, true);
