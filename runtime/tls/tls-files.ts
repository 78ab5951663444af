// Keeps a certificate source up to date with files. Files change one by one and are sometimes broken, so each part stands on
// its last good state: the pair as a unit, each CA file by itself. What could not be taken over is reported until it is
// repaired. The set of CA files may change while it runs (a server whose peers come and go).

import { type Clock, sleep } from '../clock.ts';
import { OperationalError } from '../errors.ts';
import type { Log } from '../log.ts';
import { CertificateSource } from './certificate-source.ts';
import { FolderWatches } from './folder-watches.ts';
import { caProblem, expiryOf, pairProblem, type TlsPair } from './material.ts';
import { sharedTexts, type TextFiles, type TextRead } from './text-files.ts';

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
  /** @default sharedTexts */
  readonly texts?: Pick<TextFiles, 'read'>;
}

/** Notifications miss what happens on network file systems and behind symlinks (Kubernetes swaps those). */
const POLL_MS = 10_000;
/** Certificate and key are written one after the other: look once both have had the time. */
const QUIET_MS = 50;
/** Asking for the looks of hundreds of files at once would keep everything else waiting for a tenth of a second. */
const READ_TOGETHER = 16;
/**
 * Authorities that come together (of a whole mesh, at a start) are taken over together, the first of them at once: each time the
 * server makes a secure context of all of them, a quarter of a millisecond for each.
 */
const TOGETHER_MS = { min: 250, max: 2_000 };
/** Of its time, what a server spends at most on secure contexts while authorities come one behind the other. */
const CONTEXTS_SHARE = 1 / 30;

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
  readonly #texts: Pick<TextFiles, 'read'>;
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
  /** When further authorities may be taken over again. */
  #joinsAt = Number.NEGATIVE_INFINITY;
  /** A takeover of further authorities that has not begun, or else the last one. */
  #joining: Promise<void> = Promise.resolve();
  #joins = false;
  #watch = () => {};

  constructor(files: TlsFiles, { clock, log, pollMs = POLL_MS, texts = sharedTexts }: TlsFilesDeps) {
    this.#files = files;
    this.#clock = clock;
    this.#log = log;
    this.#pollMs = pollMs;
    this.#texts = texts;
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
      hint:
        'check path and permissions, and that certificate and key come from the same issue; where it has expired, check the clock, ' +
        'have clustermesh trust renew make a new pair where the authority is kept, and copy it here',
    });
  }

  /**
   * Replaces the set of CA files that count beside the first ones. One that leaves it vouches for no new handshake from the
   * moment this returns; connections that are open stay open, and are the caller's to end. One that comes counts when this
   * resolves, TOGETHER_MS.max later at most than by itself. The set that counts already costs nothing: what changes within its
   * files is followed anyway.
   */
  setFurtherCa(paths: readonly string[]): Promise<void> {
    if (paths === this.#furtherCa || sameSet(this.#furtherCa, paths))
      return Promise.all([this.#joining, this.#reloading]).then(() => {});
    const before = this.#furtherCa;
    this.#furtherCa = paths;
    this.#leave(before);
    const known = new Set(before);
    if (!this.#joins && paths.some((path) => !known.has(path))) this.#joining = this.#join();
    return this.#joining;
  }

  /** Of these, what does not count any more. */
  #leave(before: readonly string[]): void {
    const counting = new Set(this.#caPaths);
    const leaving = new Set(before.filter((path) => !counting.has(path)));
    if (leaving.size === 0) return;
    for (const path of leaving) this.#ca.delete(path);
    this.#report(new Map([...this.#problems].filter(([path]) => !leaving.has(path))));
    this.#publish();
  }

  async #join(): Promise<void> {
    this.#joins = true;
    await this.#reloading;
    const waitMs = this.#joinsAt - this.#clock.monotonic();
    if (waitMs > 0) await sleep(this.#clock, waitMs);
    this.#joins = false;
    this.#watch();
    // What counts already is followed: with hundreds of peers that come one behind the other, looking at all of it each time would
    // be most of what their files cost.
    const joining = this.#reloading.then(() => this.#takeJoined());
    this.#reloading = joining;
    await joining;
  }

  /** Reads the further authorities of which nothing good is known. */
  async #takeJoined(): Promise<void> {
    const paths = this.#furtherCa.filter((path) => !this.#ca.has(path));
    const problems = new Map(this.#problems);
    for (const path of paths) problems.delete(path);
    // Reading a certificate takes a quarter of a millisecond; others have their turn while the next files are read.
    for (let at = 0; at < paths.length; at += READ_TOGETHER) {
      const some = paths.slice(at, at + READ_TOGETHER);
      this.#takeCas(some, await this.#readAll(some), problems);
    }
    this.#report(problems);
    const begunAt = this.#clock.monotonic();
    this.#publish();
    const tookMs = this.#clock.monotonic() - begunAt;
    this.#joinsAt = begunAt + Math.min(Math.max(tookMs / CONTEXTS_SHARE, TOGETHER_MS.min), TOGETHER_MS.max);
  }

  get #caPaths(): readonly string[] {
    return [...new Set([...this.#files.ca, ...this.#furtherCa])];
  }

  get #paths(): readonly string[] {
    return [this.#files.cert, this.#files.key, ...this.#caPaths];
  }

  /** Follows the files until the signal aborts. Never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    let ring = (_told: boolean) => {};
    const watches = new FolderWatches(() => ring(true));
    const abort = () => ring(false);
    signal.addEventListener('abort', abort, { once: true });
    this.#watch = () => watches.follow(this.#paths);
    let told = true;
    while (!signal.aborted) {
      const bell = new Promise<boolean>((resolve) => {
        ring = resolve;
      });
      const cancel = this.#clock.after(this.#pollMs, () => ring(false));
      const before = this.#source?.material;
      // Before the files are read, so that a change during the read is not missed.
      this.#watch();
      await this.reload();
      if (!told && this.#source?.material !== before) watches.doubt();
      told = await bell;
      cancel();
      if (!signal.aborted) await sleep(this.#clock, QUIET_MS, signal).catch(() => {});
    }
    signal.removeEventListener('abort', abort);
    this.#watch = () => {};
    watches.close();
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
    const [certificate, key, ...ca] = await this.#readAll(this.#paths);
    this.#takePair(certificate, key, problems);
    this.#takeCas(paths, ca, problems);
    this.#report(problems);
    this.#publish();
  }

  async #readAll(paths: readonly string[]): Promise<readonly TextRead[]> {
    const now = this.#clock.now();
    const reads: TextRead[] = [];
    for (let at = 0; at < paths.length; at += READ_TOGETHER) {
      const some = paths.slice(at, at + READ_TOGETHER);
      reads.push(...(await Promise.all(some.map((path) => this.#texts.read(path, now)))));
    }
    return reads;
  }

  /** The set may have changed while the files were read. */
  #takeCas(paths: readonly string[], reads: readonly TextRead[], problems: Map<string, string>): void {
    const counting = new Set(this.#caPaths);
    for (const [index, path] of paths.entries()) if (counting.has(path)) this.#takeCa(path, reads[index], problems);
  }

  #takePair(certificate: TextRead | undefined, key: TextRead | undefined, problems: Map<string, string>): void {
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

  #takeCa(path: string, read: TextRead | undefined, problems: Map<string, string>): void {
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
}

const sameSet = (a: readonly string[], b: readonly string[]): boolean => {
  const [left, right] = [new Set(a), new Set(b)];
  return left.size === right.size && b.every((path) => left.has(path));
};
