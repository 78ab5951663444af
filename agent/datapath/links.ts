// Attaches programs to a cgroup by links that are pinned, so that they outlive the agent. A link that is there already gets the
// new program in place of the old one, in one step: no call of any process goes unbalanced meanwhile.

import { closeSync, existsSync, openSync, statSync, unlinkSync } from 'node:fs';
import { OperationalError } from '../../runtime/errors.ts';
import type { Log } from '../../runtime/log.ts';
import { datapathError } from './failure.ts';
import { describeCgroupLink } from './kernel-info.ts';
import type { Libbpf } from './libbpf.ts';
import type { Program } from './object.ts';
import { linkPin } from './pins.ts';

export interface AttachOptions {
  readonly calls: Libbpf;
  readonly pinDir: string;
  readonly cgroup: string;
  readonly log: Log;
  /** Receives the path of every pin that this start made. */
  readonly made: string[];
}

export interface Attachment {
  readonly program: string;
  readonly pin: string;
  /** True where the program took another one's place. */
  readonly replaced: boolean;
}

/**
 * Programs that translate back come first: whatever a connect of now writes, a getpeername of before might not know where to
 * look for it.
 */
export function attachPrograms(options: AttachOptions, programs: readonly Program[]): readonly Attachment[] {
  const backFirst = [...programs].sort((a, b) => Number(connects(a)) - Number(connects(b)));
  const cgroupFd = openSync(options.cgroup, 'r');
  // The inode number of a cgroup's folder is the id that the kernel knows it by.
  const cgroupId = statSync(options.cgroup, { bigint: true }).ino;
  try {
    return backFirst.map((program) => {
      const pin = linkPin(options.pinDir, program.name);
      const replaced = existsSync(pin) && replaceProgram(options, program, pin, cgroupId);
      if (!replaced) attach(options, program, pin, cgroupFd);
      return { program: program.name, pin, replaced };
    });
  } finally {
    closeSync(cgroupFd);
  }
}

const connects = ({ name }: Program): boolean => /^cm_(connect|sendmsg)/.test(name);

/** False where the link was attached to a cgroup that is gone: such a link forwards nothing and never will, so it goes. */
function replaceProgram(
  { calls, cgroup, log }: AttachOptions,
  program: Program,
  pin: string,
  cgroupId: bigint,
): boolean {
  const fd = calls.openPin(pin, null);
  if (fd < 0) throw datapathError({ step: 'read pin', subject: pin, errno: -fd });
  try {
    const link = describeCgroupLink(calls, fd);
    if (link === undefined || link.attachType !== program.attachType)
      throw mismatch(pin, 'it is not a link of this hook');
    if (link.cgroupId === 0n) {
      log.warn('pinned link was of a cgroup that is gone', { path: pin, cgroup });
      unlinkSync(pin);
      return false;
    }
    if (link.cgroupId !== cgroupId) throw mismatch(pin, `it is attached to another cgroup than ${cgroup}`);
    const status = calls.updateLink(fd, program.fd, null);
    if (status < 0) throw datapathError({ step: 'replace program', subject: pin, errno: -status });
    return true;
  } finally {
    closeSync(fd);
  }
}

function attach({ calls, cgroup, made }: AttachOptions, program: Program, pin: string, cgroupFd: number): void {
  const fd = calls.createLink(program.fd, cgroupFd, program.attachType, null);
  if (fd < 0) throw datapathError({ step: 'attach program', subject: `${program.name} to ${cgroup}`, errno: -fd });
  try {
    const status = calls.pin(fd, pin);
    if (status < 0) throw datapathError({ step: 'pin', subject: pin, errno: -status });
    made.push(pin);
  } finally {
    closeSync(fd);
  }
}

const mismatch = (pin: string, reason: string): OperationalError =>
  new OperationalError({
    code: 'DATAPATH_PIN_MISMATCH',
    operation: 'open pinned link',
    subject: pin,
    reason,
    hint: 'give this agent another datapath.pinDir, or the datapath.cgroup of before, or remove the pins',
  });
