// Settings of the kernel that bear on the programs. None of them keeps the datapath from working: they cost time, or are about
// others than the agent.

import type { PreflightObserved, Sysctl } from '../observed.ts';
import { type CheckRow, PASSED, passed, unknown, type Verdict } from '../verdict.ts';

const sysctl =
  (name: Sysctl, judge: (value: number) => Verdict) =>
  ({ sysctls }: PreflightObserved): Verdict => {
    const value = sysctls[name];
    return value === undefined ? passed(`there is no ${name}`) : judge(value);
  };

export const SYSCTL_ROWS: readonly CheckRow[] = [
  {
    id: 'jit',
    title: 'programs are compiled to machine code',
    judge: sysctl('net.core.bpf_jit_enable', (value) =>
      value === 0
        ? unknown('every call is interpreted, which works but is slower', 'sysctl -w net.core.bpf_jit_enable=1')
        : PASSED,
    ),
  },
  {
    id: 'jit-harden',
    title: 'constants of programs are not blinded',
    judge: sysctl('net.core.bpf_jit_harden', (value) =>
      value === 2
        ? unknown('they are, also those of root, which works but is slower', 'sysctl -w net.core.bpf_jit_harden=1')
        : PASSED,
    ),
  },
  {
    id: 'bpf-stats',
    title: 'runs of programs are not timed',
    judge: sysctl('kernel.bpf_stats_enabled', (value) =>
      value === 1 ? unknown('each run is, which works but is slower', 'sysctl -w kernel.bpf_stats_enabled=0') : PASSED,
    ),
  },
  {
    id: 'unprivileged-bpf',
    title: 'users without capabilities load no programs',
    judge: sysctl('kernel.unprivileged_bpf_disabled', (value) =>
      value === 0
        ? unknown(
            'they may; the agent does not need it, and kernels have had holes there',
            'sysctl -w kernel.unprivileged_bpf_disabled=1',
          )
        : PASSED,
    ),
  },
];
