// The machine, and the library that speaks to its kernel.

import { type CheckRow, failed, judgeAttempt, PASSED, unknown } from '../verdict.ts';

export const HOST_ROWS: readonly CheckRow[] = [
  {
    id: 'platform',
    title: 'the machine runs Linux and is little endian',
    judge: ({ platform, littleEndian }) => {
      if (platform !== 'linux') return failed(`it runs ${platform}`, 'use a Linux host, or datapath.kind memory');
      return littleEndian ? PASSED : failed('it is big endian', 'use an x86-64 or arm64 host');
    },
  },
  {
    id: 'libbpf',
    title: 'libbpf 1.x can be loaded',
    judge: ({ libbpf }) => judgeAttempt(libbpf, 'install libbpf1 (apt-get install libbpf1)'),
  },
  {
    id: 'btf',
    title: 'the kernel describes its types (BTF)',
    judge: ({ kernelBtf }) =>
      kernelBtf
        ? PASSED
        : unknown(
            'there is no /sys/kernel/btf/vmlinux; the programs do without, tools show less',
            'use a kernel with CONFIG_DEBUG_INFO_BTF',
          ),
  },
];
