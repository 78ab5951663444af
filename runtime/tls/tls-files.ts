// Keeps a certificate source up to date with files. Files change one by one and are sometimes broken, so each part stands on
// its last good state: the pair as a unit, each CA file by itself. What could not be taken over is reported until it is
// repaired. The set of CA files may change while it runs (a server whose peers come and go).

import { type FSWatcher, watch } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { type Clock, sleep } from '../clock.ts';
import { OperationalError, reasonOf } from '../errors.ts';
import type { Log } from '../log.ts';
import { CertificateSource } from './certificate-source.ts';
import { caProblem, expiryOf, pairProblem, type TlsPair } from './material.ts';

/** Paths of PEM files. */
export interface TlsFiles {
  /** At least one; they count for as long as this lives (see `setFurtherCa` for those that come and go). */
  readonly ca: readonly string[];
  readonly cert: string;
  readonly key: string;
}

export interface FollowedPair {
  /** Of the certificate. */
  readonly path: string;
  /** PEM: the leaf in use, then its intermediates. */
  readonly certificate: string;
  /** Why what stands on disk now is not what is in use. */
  readonly problem: string | undefined;
}

export interface TlsFilesDeps {
  readonly clock: Clock;
  readonly log: Log;
  /** How late a change can be noticed that no notification came for. @default POLL_MS */
  readonly pollMs?: number;
}

/** Notifications miss what happens on network file systems and behind symlinks (Kubernetes swaps those). */
const POLL_MS = 10_000;
/** Certificate and key are written one after the other: look once both have had the time. */
const QUIET_MS = 50;

/** Reads the files once; throws TLS_FILES when they cannot serve. Call `run` to follow them. */
export async function openTlsFiles(files: TlsFiles, deps: TlsFilesDeps): Promise<TlsFilesFollower> {
  const follower = new TlsFilesFollower(files, deps);
  await follower.open();
  return follower;
}

export class TlsFilesFollower {
  readonly #files: TlsFiles;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #pollMs: number;
  /** The last good text of each CA file that counts. */
  readonly #ca = new Map<string, string>();
  #furtherCa: readonly string[] = [];
  #pair: TlsPair | undefined;
  #pairExpiresAt = 0;
  #source: CertificateSource | undefined;
  #problems: ReadonlyMap<string, string> = new Map();
  #reloading: Promise<void> = Promise.resolve();
  /** A reload that has not begun: whoever asks for one meanwhile is served by it. */
  #next: Promise<void> | undefined;
  #look = () => {};

  constructor(files: TlsFiles, { clock, log, pollMs = POLL_MS }: TlsFilesDeps) {
    this.#files = files;
    this.#clock = clock;
    this.#log = log;
    this.#pollMs = pollMs;
  }

  /** For `serverCredentials` and `channelCredentials`; the same object for as long as this lives. */
  get source(): CertificateSource {
    if (this.#source === undefined) throw new Error('the files have not been read');
    return this.#source;
  }

  /** What is wrong on disk right now, by path; what was good before is still in use. */
  get problems(): ReadonlyMap<string, string> {
    return this.#problems;
  }

  /** The pair that counts now, and what is wrong with its files; undefined where none has ever been good. */
  get pair(): FollowedPair | undefined {
    if (this.#pair === undefined) return undefined;
    const { cert, key } = this.#files;
    return {
      path: cert,
      certificate: this.#pair.certificate,
      problem: this.#problems.get(cert) ?? this.#problems.get(key),
    };
  }

  /** Of files that were opened. */
  get inUse(): FollowedPair {
    const { pair } = this;
    if (pair === undefined) throw new Error('the files have not been read');
    return pair;
  }

  /** The last good text of a CA file that counts now. */
  caText(path: string): string | undefined {
    return this.#ca.get(path);
  }

  async open(): Promise<void> {
    await this.reload();
    if (this.#source !== undefined) return;
    const [path, reason] = [...this.#problems][0] ?? [this.#files.cert, 'cannot be read'];
    throw new OperationalError({
      code: 'TLS_FILES',
      operation: 'load certificates',
      subject: path,
      reason,
      hint: 'check the paths and permissions, and that certificate and key come from the same issue',
    });
  }

  /**
   * Replaces the set of CA files that count beside the first ones. One that leaves it vouches for no new handshake from the
   * moment this resolves; connections that are open stay open, and are the caller's to end. The set that counts already costs
   * nothing: what changes within its files is followed anyway.
   */
  async setFurtherCa(paths: readonly string[]): Promise<void> {
    if (sameSet(this.#furtherCa, paths)) return this.#reloading;
    this.#furtherCa = paths;
    const counting = new Set(this.#caPaths);
    for (const path of this.#ca.keys()) if (!counting.has(path)) this.#ca.delete(path);
    this.#look();
    await this.reload();
  }

  get #caPaths(): readonly string[] {
    return [...new Set([...this.#files.ca, ...this.#furtherCa])];
  }

  /** Follows the files until the signal aborts. Never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const changed = this.#notification(signal);
      await this.reload();
      await Promise.race([changed.promise, sleep(this.#clock, this.#pollMs, signal).catch(() => {})]);
      changed.close();
      if (!signal.aborted) await sleep(this.#clock, QUIET_MS, signal).catch(() => {});
    }
  }

  /** Reads everything again: from now on, or a moment later when somebody is reading already. */
  reload(): Promise<void> {
    if (this.#next !== undefined) return this.#next;
    this.#next = this.#reloading.then(() => {
      this.#next = undefined;
      return this.#reload();
    });
    this.#reloading = this.#next;
    return this.#next;
  }

  async #reload(): Promise<void> {
    const problems = new Map<string, string>();
    const paths = this.#caPaths;
    const texts = await Promise.all([this.#files.cert, this.#files.key, ...paths].map(readText));
    const [certificate, key, ...ca] = texts;
    this.#takePair(certificate, key, problems);
    // The set may have changed while the files were read.
    const counting = new Set(this.#caPaths);
    for (const [index, path] of paths.entries()) if (counting.has(path)) this.#takeCa(path, ca[index], problems);
    this.#report(problems);
    this.#publish();
  }

  #takePair(certificate: Read | undefined, key: Read | undefined, problems: Map<string, string>): void {
    if (certificate?.text === undefined) problems.set(this.#files.cert, certificate?.problem ?? 'cannot be read');
    if (key?.text === undefined) problems.set(this.#files.key, key?.problem ?? 'cannot be read');
    if (certificate?.text === undefined || key?.text === undefined) return;
    const pair = { certificate: certificate.text, key: key.text };
    const now = this.#clock.now();
    // A pair that was found to fit goes on to; only its time runs out.
    const isKnown = pair.certificate === this.#pair?.certificate && pair.key === this.#pair.key;
    if (isKnown && now <= this.#pairExpiresAt) return;
    const problem = pairProblem(pair, now);
    if (problem !== undefined) problems.set(this.#files.cert, problem);
    else {
      this.#pair = pair;
      this.#pairExpiresAt = expiryOf(pair);
    }
  }

  #takeCa(path: string, read: Read | undefined, problems: Map<string, string>): void {
    // What counts was found good, which time does not change: with hundreds of peers, reading them all again is most of a start.
    if (read?.text !== undefined && read.text === this.#ca.get(path)) return;
    const problem = read?.text === undefined ? (read?.problem ?? 'cannot be read') : caProblem(read.text);
    if (problem === undefined && read?.text !== undefined) this.#ca.set(path, read.text);
    else if (problem !== undefined) problems.set(path, problem);
  }

  #report(problems: ReadonlyMap<string, string>): void {
    for (const [path, reason] of problems) {
      if (this.#problems.get(path) !== reason) this.#log.error('certificate file not taken over', { path, reason });
    }
    for (const path of this.#problems.keys()) {
      if (!problems.has(path)) this.#log.info('certificate file is good again', { path });
    }
    this.#problems = problems;
  }

  #publish(): void {
    const ca = this.#caPaths
      .flatMap((path) => this.#ca.get(path) ?? [])
      .map((text) => `${text.trimEnd()}\n`)
      .join('');
    if (this.#pair === undefined || !this.#files.ca.every((path) => this.#ca.has(path))) return;
    const material = { ...this.#pair, ca };
    const before = this.#source?.material;
    if (this.#source === undefined) this.#source = new CertificateSource(material);
    else if (before?.ca !== ca || before.certificate !== material.certificate || before.key !== material.key) {
      this.#source.publish(material);
      this.#log.info('certificates taken over', { path: this.#files.cert });
    }
  }

  /** Set up before the files are read, so that a change during the read is not missed. Folders, since files get replaced. */
  #notification(signal: AbortSignal): { readonly promise: Promise<void>; readonly close: () => void } {
    const watchers: FSWatcher[] = [];
    const promise = new Promise<void>((resolve) => {
      this.#look = resolve;
      signal.addEventListener('abort', () => resolve(), { once: true });
      const paths = [this.#files.cert, this.#files.key, ...this.#caPaths];
      const names = new Set(paths.map((path) => basename(path)));
      for (const folder of new Set(paths.map((path) => dirname(path)))) {
        try {
          // A folder may be full of other people's files. Kubernetes swaps `..data`, which the files are links into.
          const concerns = (name: string | null) => name === null || names.has(name) || name.startsWith('..');
          const watcher = watch(folder, (_, name) => concerns(name) && resolve());
          watcher.on('error', () => {});
          watchers.push(watcher);
        } catch {
          // A folder that is not there yet is found by the periodic look.
        }
      }
    });
    return {
      promise,
      close: () => {
        for (const watcher of watchers) watcher.close();
      },
    };
  }
}

const sameSet = (a: readonly string[], b: readonly string[]): boolean => {
  const [left, right] = [new Set(a), new Set(b)];
  return left.size === right.size && b.every((path) => left.has(path));
};

interface Read {
  readonly text?: string;
  readonly problem?: string;
}

async function readText(path: string): Promise<Read> {
  try {
    return { text: await readFile(path, 'utf8') };
  } catch (error) {
    return { problem: reasonOf(error) };
  }
}
