// What one lab has made on this machine, written down before it is made: so that whoever comes after a crash can remove all of
// it, and nothing else. The folder of a lab holds this record and everything else of the lab that is a file.

import { lstatSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { OperationalError } from '../runtime/errors.ts';
import { identityOf, type ProcessIdentity } from './process-identity.ts';

/** Every name of the lab outside its own folder begins with this. */
export const LAB_PREFIX = 'cmlab-';

/** STABLE between versions: the next version removes what this one left. */
export interface LabRecord {
  readonly id: string;
  readonly owner: ProcessIdentity;
  readonly processes: readonly ProcessIdentity[];
  readonly netns: readonly string[];
  readonly cgroups: readonly string[];
  readonly mounts: readonly string[];
}

type Resource = 'netns' | 'cgroups' | 'mounts';

const FILE = 'lab.json';

/** All labs of this user. Others can neither read the keys in it nor put a record there that we would act on. */
export function labsFolder(base: string = tmpdir(), uid: number = process.getuid?.() ?? 0): string {
  const folder = join(base, `clustermesh-labs-${uid}`);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const found = lstatSync(folder);
  if (!found.isDirectory() || found.uid !== uid || (found.mode & 0o022) !== 0) {
    throw new OperationalError({
      code: 'LAB_FOLDER',
      operation: 'use folder',
      subject: folder,
      reason: 'it is not a folder of this user alone',
      hint: 'remove it, or set TMPDIR to a folder that is yours',
    });
  }
  return folder;
}

export class LabState {
  readonly dir: string;
  readonly id: string;
  readonly #owner: ProcessIdentity;
  readonly #processes = new Map<number, ProcessIdentity>();
  #closed = false;
  readonly #resources: Record<Resource, string[]> = { netns: [], cgroups: [], mounts: [] };

  constructor({ folder, id, owner }: { readonly folder: string; readonly id: string; readonly owner: number }) {
    this.id = id;
    this.dir = join(folder, id);
    this.#owner = identityOf(owner) ?? { pid: owner, startTime: '' };
  }

  open(): void {
    mkdirSync(this.dir, { mode: 0o700 });
    this.#write();
  }

  /** Call before making it. */
  willMake(resource: Resource, name: string): void {
    this.#resources[resource].push(name);
    this.#write();
  }

  processStarted(pid: number): void {
    const identity = identityOf(pid);
    if (identity === undefined) return;
    this.#processes.set(pid, identity);
    this.#write();
  }

  processEnded(pid: number): void {
    if (this.#processes.delete(pid)) this.#write();
  }

  get record(): LabRecord {
    return { id: this.id, owner: this.#owner, processes: [...this.#processes.values()], ...this.#resources };
  }

  /** Before removal: what ends from now on is no longer written down. */
  close(): void {
    this.#closed = true;
  }

  #write(): void {
    if (this.#closed) return;
    const path = join(this.dir, FILE);
    writeFileSync(`${path}.new`, `${JSON.stringify(this.record, null, 2)}\n`, { mode: 0o600 });
    renameSync(`${path}.new`, path);
  }
}

/** The records of all labs, whoever runs them; `record` is absent where a crash left a folder and nothing more. */
export function readLabs(folder: string): readonly { readonly dir: string; readonly record: LabRecord | undefined }[] {
  return readdirSync(folder).map((name) => {
    const dir = join(folder, name);
    try {
      return { dir, record: JSON.parse(readFileSync(join(dir, FILE), 'utf8')) as LabRecord };
    } catch {
      return { dir, record: undefined };
    }
  });
}
