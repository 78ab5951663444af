// What of libbpf's and the verifier's messages a person needs: the verifier's verdict and the instruction it stumbled on, or
// libbpf's own complaint. Pure.

const LOG_BEGIN = '-- BEGIN PROG LOAD LOG --';
const LOG_END = '-- END PROG LOAD LOG --';
/** The verdict, and the source line with the state of the registers before it. */
const LINES_KEPT = 4;

/** `failed` names the program, where the verifier refused one. */
export interface LoadComplaint {
  readonly program?: string;
  readonly lines: readonly string[];
  readonly omitted: number;
}

export function complaintOf(messages: readonly string[]): LoadComplaint {
  const lines = messages.map((line) => line.replace(/^libbpf: /, '').trim()).filter((line) => line !== '');
  const begin = lines.findIndex((line) => line.includes(LOG_BEGIN));
  if (begin < 0) return keep(lines, 'first');
  const end = lines.findIndex((line, index) => index > begin && line.includes(LOG_END));
  const log = lines.slice(begin + 1, end < 0 ? undefined : end).filter((line) => !isStatistics(line));
  const program = /prog '([^']+)'/.exec(lines[begin] ?? '')?.[1];
  return { ...(program === undefined ? {} : { program }), ...keep(log, 'last') };
}

export function formatComplaint({ lines, omitted }: LoadComplaint): string {
  const text = lines.join('; ');
  return omitted === 0 ? text : `${text} (${omitted} more lines)`;
}

/** `processed 12 insns (limit 1000000) …`, after the verdict. */
const isStatistics = (line: string): boolean =>
  /^processed \d+ insns|^verification time |^stack depth |^mark_precise|^peak_states/.test(line);

function keep(lines: readonly string[], end: 'first' | 'last'): LoadComplaint {
  const kept = end === 'first' ? lines.slice(0, LINES_KEPT) : lines.slice(-LINES_KEPT);
  return { lines: kept, omitted: lines.length - kept.length };
}
