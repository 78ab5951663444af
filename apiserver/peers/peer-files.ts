// What a join leaves on disk: the document of the peer in the watched folder, and the trust store that is bound to the peer's name. Both
// as a person would write them, so that they can live in Git. Removing takes exactly these two away again; revoking keeps both under
// another name, which is how the decision is remembered (peers/revoked.ts).

import { access, constants, mkdir, readFile, rename, rm, rmdir } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { stringify } from 'yaml';
import type { ClusterName } from '../../mesh/model/names.ts';
import { writePublic } from '../../pki/files.ts';
import { reasonOf } from '../../runtime/errors.ts';
import { refusal } from '../join/refusal.ts';
import { parsePeerSpec } from './peer-spec.ts';
import { REVOKED_SUFFIX } from './revoked.ts';

export interface PeerFilesDeps {
  readonly self: ClusterName;
  /** The watched folder of peer documents. */
  readonly folder: string | undefined;
  /** `<trust>/<peer>/ca.pem` */
  readonly trust: string | undefined;
}

export interface JoinedPeer {
  readonly name: ClusterName;
  readonly endpoints: readonly string[];
  /** PEM */
  readonly ca: string;
}

export class PeerFiles {
  readonly #deps: PeerFilesDeps;

  constructor(deps: PeerFilesDeps) {
    this.#deps = deps;
  }

  assertConfigured(): void {
    this.#folders();
  }

  /** Where the trust store of a peer stands that a join has added; undefined where joins are not configured. */
  storeOf(name: ClusterName): string | undefined {
    const { trust } = this.#deps;
    return trust === undefined ? undefined : join(trust, name, 'ca.pem');
  }

  /** Before anything is promised to the other side. */
  async assertWritable(): Promise<void> {
    const { folder, trust } = this.#folders();
    for (const path of [folder, trust]) {
      try {
        await mkdir(path, { recursive: true, mode: 0o700 });
        await access(path, constants.W_OK);
      } catch (cause) {
        const reason = `${path} cannot be written: ${reasonOf(cause)}`;
        throw refusal('JOIN_NOT_CONFIGURED', this.#deps.self, reason, { cause });
      }
    }
  }

  /** The trust first: a document without it would be a peer that fails. */
  async write({ name, endpoints, ca }: JoinedPeer): Promise<void> {
    const { document, store } = this.#paths(name);
    await writePublic(store, ca);
    const text = stringify({ name, endpoints: [...endpoints], ca: [relative(dirname(document), store)] });
    await writePublic(document, `# Written by a join. \`clustermesh leave ${name}\` removes it.\n${text}`);
  }

  /** Refuses what was not written by a join. */
  async remove(name: ClusterName): Promise<readonly string[]> {
    const { document, store } = this.#paths(name);
    await this.assertJoined(name);
    await rm(document, { force: true });
    await rm(store, { force: true });
    // Only an empty folder goes: what somebody else has put there is not ours.
    await rmdir(dirname(store)).catch(() => undefined);
    return [document, store];
  }

  /** The document first: from then on the peer is revoked, whatever else fails, and a repeat finishes it. */
  async revoke(name: ClusterName): Promise<readonly string[]> {
    const { document, store } = this.#paths(name);
    if (!(await this.isRevoked(name))) {
      await this.assertJoined(name);
      await rename(document, document + REVOKED_SUFFIX);
    }
    if (await exists(store)) await rename(store, store + REVOKED_SUFFIX);
    return [document + REVOKED_SUFFIX, store + REVOKED_SUFFIX];
  }

  isRevoked(name: ClusterName): Promise<boolean> {
    return exists(this.#paths(name).document + REVOKED_SUFFIX);
  }

  /** Whoever was revoked does not come back by a join: a person takes the decision back first. */
  async assertNotRevoked(name: ClusterName): Promise<void> {
    if (!(await this.isRevoked(name))) return;
    const file = this.#paths(name).document + REVOKED_SUFFIX;
    throw refusal('JOIN_REVOKED', name, `${file} says that ${name} was revoked`);
  }

  async assertJoined(name: ClusterName): Promise<void> {
    const { document, store } = this.#paths(name);
    const text = await readFile(document, 'utf8').catch(() => undefined);
    const spec = text === undefined ? undefined : parsePeerSpec(document, text);
    if (spec?.ok === true && spec.value.name === name && spec.value.ca.every((path) => path === store)) return;
    throw refusal('JOIN_BY_HAND', name, `${document} is not the document of ${name} that a join wrote`);
  }

  #paths(name: ClusterName) {
    const { folder, trust } = this.#folders();
    return { document: join(folder, `${name}.yaml`), store: join(trust, name, 'ca.pem') };
  }

  #folders() {
    const { folder, trust, self } = this.#deps;
    if (folder !== undefined && trust !== undefined) return { folder, trust };
    throw refusal(
      'JOIN_NOT_CONFIGURED',
      self,
      'peers.folder and peers.trust say where peers are kept, and one is not set',
    );
  }
}

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );
