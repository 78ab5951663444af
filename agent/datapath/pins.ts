// Where the maps and the links of one node live: files below a folder on a BPF file system, which outlive the agent. The names
// are STABLE: the next version of the agent finds by them what this one left.

import { existsSync, mkdirSync, readdirSync, rmdirSync, statfsSync, unlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { OperationalError, reasonOf } from '../../runtime/errors.ts';
import { BPFFS_MAGIC } from './file-systems.ts';

const MAPS = 'maps';
const LINKS = 'links';

export const mapPin = (pinDir: string, map: string): string => join(pinDir, MAPS, map);
export const linkPin = (pinDir: string, program: string): string => join(pinDir, LINKS, program);
/** Where a map is pinned on its way to the place of another one. */
export const nextMapPin = (pinDir: string, map: string): string => `${mapPin(pinDir, map)}_next`;
export const linkPins = (pinDir: string): readonly string[] =>
  namesIn(join(pinDir, LINKS)).map((name) => linkPin(pinDir, name));

/** Makes the folders; says so when they would not be on a BPF file system, before anything is made. */
export function preparePinDir(pinDir: string): void {
  const ancestor = nearestExisting(pinDir);
  if (statfsSync(ancestor).type !== BPFFS_MAGIC) {
    throw new OperationalError({
      code: 'DATAPATH_NOT_BPFFS',
      operation: 'open pins',
      subject: pinDir,
      reason: `${ancestor} is not on a BPF file system`,
      hint: 'mount one (mount -t bpf bpf /sys/fs/bpf), or set datapath.pinDir to a folder on one',
    });
  }
  for (const folder of [MAPS, LINKS]) {
    const path = join(pinDir, folder);
    orExplain('make pin folder', path, () => mkdirSync(path, { recursive: true, mode: 0o700 }));
  }
}

/** What is pinned there, ours or not. */
export const listPins = (pinDir: string): readonly string[] =>
  [LINKS, MAPS].flatMap((folder) => namesIn(join(pinDir, folder)).map((name) => join(pinDir, folder, name)));

export interface RemovedPins {
  readonly removed: readonly string[];
  /** Not ours, and so left. */
  readonly left: readonly string[];
}

/** Links first: while a program is attached, its maps are in use. */
export function removePins(pinDir: string, maps: readonly string[]): RemovedPins {
  const removed: string[] = [];
  const unlink = (path: string): void => {
    orExplain('remove pin', path, () => unlinkSync(path));
    removed.push(path);
  };
  for (const name of namesIn(join(pinDir, LINKS))) unlink(linkPin(pinDir, name));
  for (const path of maps.flatMap((name) => [mapPin(pinDir, name), nextMapPin(pinDir, name)])) {
    if (existsSync(path)) unlink(path);
  }
  const left = listPins(pinDir);
  for (const folder of [join(pinDir, MAPS), join(pinDir, LINKS), pinDir]) {
    if (existsSync(folder) && namesIn(folder).length === 0) rmdirSync(folder);
  }
  return { removed, left };
}

const namesIn = (folder: string): readonly string[] => (existsSync(folder) ? readdirSync(folder) : []);

function orExplain(operation: string, path: string, work: () => void): void {
  try {
    work();
  } catch (cause) {
    throw new OperationalError({
      code: 'DATAPATH_PIN_FOLDER',
      operation,
      subject: path,
      reason: reasonOf(cause),
      hint: 'run as root, and use no dot in the names of folders: a BPF file system refuses them',
      cause,
    });
  }
}

function nearestExisting(path: string): string {
  for (let at = path; ; at = dirname(at)) if (existsSync(at) || at === dirname(at)) return at;
}
