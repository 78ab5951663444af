import { expect, test } from 'vitest';
import { errnoText } from '../../runtime/errno.ts';
import { type DatapathStep, datapathError, writeFailure } from './failure.ts';
import { complaintOf, formatComplaint } from './verifier-log.ts';

const HELPER = [
  "libbpf: prog 'cm_connect4': BPF program load failed: Invalid argument",
  "libbpf: prog 'cm_connect4': -- BEGIN PROG LOAD LOG --",
  '0: R1=ctx(off=0,imm=0) R10=fp0',
  '; bpf_set_retval(forwarded);',
  '12: (85) call bpf_set_retval#187',
  'program of this type cannot use helper bpf_set_retval#187',
  'processed 13 insns (limit 1000000) max_states_per_insn 0 total_states 1 peak_states 1 mark_read 1',
  '-- END PROG LOAD LOG --',
  "libbpf: prog 'cm_connect4': failed to load: -22",
];

test.each<[DatapathStep, number, readonly string[], string]>([
  ['open object', 2, [], 'DATAPATH_OBJECT_MISSING'],
  ['load programs', 1, [], 'DATAPATH_NOT_PERMITTED'],
  ['load programs', 11, [], 'DATAPATH_INTERRUPTED'],
  ['load programs', 38, [], 'DATAPATH_UNSUPPORTED'],
  ['load programs', 22, HELPER, 'DATAPATH_UNSUPPORTED'],
  ['load programs', 22, [], 'DATAPATH_FAILED'],
  ['load programs', 13, [], 'DATAPATH_REJECTED'],
  ['load programs', 7, [], 'DATAPATH_MAP_TOO_LARGE'],
  ['load programs', 12, [], 'DATAPATH_NO_MEMORY'],
  ['pin', 17, [], 'DATAPATH_PIN_TAKEN'],
  ['pin', 22, [], 'DATAPATH_NOT_BPFFS'],
  ['attach program', 1, [], 'DATAPATH_ATTACH_REFUSED'],
  ['attach program', 9, [], 'DATAPATH_NOT_CGROUP2'],
  ['attach program', 22, [], 'DATAPATH_UNSUPPORTED'],
  ['dump map', 5, [], 'DATAPATH_FAILED'],
])('%s, errno %i', (step, errno, messages, code) => {
  const error = datapathError({ step, subject: 'x', errno, messages });
  expect(error.code).toBe(code);
  expect(error.reason).toContain(errnoText(errno));
  expect(error.hint).toBeDefined();
});

test('an error quotes the verifier, and names the program', () => {
  const { reason } = datapathError({ step: 'load programs', subject: 'x', errno: 22, messages: HELPER });
  expect(reason).toBe(
    'the kernel lacks a helper that the programs need, or keeps it from this process; EINVAL, invalid argument; kernel on cm_connect4: ' +
      '0: R1=ctx(off=0,imm=0) R10=fp0; ; bpf_set_retval(forwarded);; 12: (85) call bpf_set_retval#187; ' +
      'program of this type cannot use helper bpf_set_retval#187',
  );
});

test.each([
  ['R7 tried to add from different maps, paths or scalars, pointer arithmetic with it prohibited for !root', 13],
  ['The sequence of 8193 jumps is too complex.', 14],
  ['program of this type cannot use helper bpf_get_current_comm#16', 22],
])('a verifier that is stricter without CAP_PERFMON: %s', (verdict, errno) => {
  const messages = ["libbpf: prog 'cm_connect4': -- BEGIN PROG LOAD LOG --", verdict, '-- END PROG LOAD LOG --'];
  const error = datapathError({ step: 'load programs', subject: 'sock_lb.bpf.o', errno, messages });
  expect(error.hint).toContain('grant CAP_PERFMON');
  expect(error.reason).toContain(`kernel on cm_connect4: ${verdict}`);
});

test('of a long log the end is kept, and it says how much is not', () => {
  const log = Array.from({ length: 100 }, (_, index) => `line ${index}`);
  const messages = ["libbpf: prog 'p': -- BEGIN PROG LOAD LOG --", ...log, '-- END PROG LOAD LOG --'];
  const complaint = complaintOf(messages);
  expect(complaint).toEqual({ program: 'p', lines: ['line 96', 'line 97', 'line 98', 'line 99'], omitted: 96 });
  expect(formatComplaint(complaint)).toBe('line 96; line 97; line 98; line 99 (96 more lines)');
});

test('without a log it is what libbpf said first', () => {
  const messages = ['libbpf: elf: failed to open x: No such file or directory'];
  expect(formatComplaint(complaintOf(messages))).toBe('elf: failed to open x: No such file or directory');
  expect(formatComplaint(complaintOf([]))).toBe('');
});

test.each([
  [7, 'MAP_FULL', 'all 64 entries are in use'],
  [28, 'MAP_FULL', 'all 64 entries are in use'],
  [12, 'MAP_FAILED', 'ENOMEM, not enough memory'],
  [524, 'MAP_FAILED', 'errno 524'],
])('a write that fails with errno %i', (errno, code, reason) => {
  expect(writeFailure(errno, 64)).toEqual({ code, reason, errno });
});
