// File systems: where maps and links are pinned, and the cgroup that programs are attached to.

import { BPFFS_MAGIC, CGROUP2_MAGIC } from '../../datapath/file-systems.ts';
import type { ObservedFolder } from '../observed.ts';
import { type CheckRow, failed, PASSED, unknown, type Verdict } from '../verdict.ts';

const NAME_CGROUP = 'name the one of the agent: --cgroup (datapath.cgroup)';
const NAME_PIN_DIR = 'name the one of the agent: --pin-dir (datapath.pinDir)';

export const MOUNT_ROWS: readonly CheckRow[] = [
  {
    id: 'bpffs',
    title: 'the pin folder is on a BPF file system',
    judge: ({ pinDir }) =>
      pinDir === undefined
        ? unknown('no folder was named', NAME_PIN_DIR)
        : judgeFileSystem(
            pinDir,
            BPFFS_MAGIC,
            'mount one there or above (mount -t bpf bpf /sys/fs/bpf), or set datapath.pinDir',
          ),
  },
  {
    id: 'pins',
    title: 'what is pinned there can be gone on with',
    judge: ({ pinDir, pins }) => {
      if (pinDir === undefined) return unknown('no folder was named', NAME_PIN_DIR);
      if (pins === undefined) return unknown('not to be told without libbpf, or without capabilities');
      const [first] = pins;
      if (first === undefined) return PASSED;
      const more = pins.length === 1 ? '' : `, and ${pins.length - 1} more`;
      return failed(
        `${first.path}: ${first.reason}${more}`,
        'another program, or another version of the agent, pinned it: set another datapath.pinDir, or remove the pins',
      );
    },
  },
  {
    id: 'cgroup2',
    title: 'the cgroup is of version 2',
    judge: ({ cgroup }) => {
      const remedy = 'set datapath.cgroup to a folder of the cgroup2 mount (see /proc/self/mountinfo)';
      if (cgroup === undefined) return unknown('no cgroup was named', NAME_CGROUP);
      return cgroup.exists
        ? judgeFileSystem(cgroup, CGROUP2_MAGIC, remedy)
        : failed(`${cgroup.path} is not there`, remedy);
    },
  },
  {
    id: 'cgroup-root',
    title: 'the cgroup is the whole node',
    judge: ({ cgroup, cgroupIsRoot }) => {
      if (cgroup === undefined) return unknown('no cgroup was named', NAME_CGROUP);
      if (cgroupIsRoot === undefined) return unknown(`${cgroup.path} is not there`);
      return cgroupIsRoot
        ? PASSED
        : unknown(
            `only processes below ${cgroup.path} get the services, not those of the whole node`,
            'for a whole node set datapath.cgroup to the root of the cgroup2 mount, seen from the cgroup namespace of the machine',
          );
    },
  },
];

function judgeFileSystem(folder: ObservedFolder, fileSystem: number, remedy: string): Verdict {
  if (folder.fileSystem === fileSystem) return PASSED;
  return failed(`${folder.path} is on a file system of another type (0x${folder.fileSystem.toString(16)})`, remedy);
}
