// `clustermesh trust rotate-ca`: puts another authority in the place of a cluster's own, without anybody being cut off. Phase by phase
// where files have to be copied in between, or all of it where this machine has everything. Exit 1 says that something stands in
// the way; running it again goes on.

import { setTimeout as pause } from 'node:timers/promises';
import { Command, InvalidArgumentError, Option } from 'commander';
import type { TrustDocument } from '../apiserver/bundles/trust-document.ts';
import { LeafFolder } from '../pki/renew/leaf-folder.ts';
import type { StepOutcome } from '../pki/rotate/carry-out.ts';
import { systemClock } from '../runtime/clock.ts';
import { getDocument } from './api-client.ts';
import { givenAuthority } from './given-authority.ts';
import { type OutputFormat, outputOption, print } from './options.ts';
import { untilEtcdTakes } from './rotate/etcd-takes.ts';
import { type PhaseName, type RotateOutcome, type RotateRequest, runPhases, untilTaken } from './rotate/run-phases.ts';
import { table } from './table.ts';

interface RotateOptions {
  readonly dir: string;
  readonly prepare?: true;
  readonly activate?: true;
  readonly retire?: true;
  readonly force?: true;
  readonly dryRun?: true;
  readonly server: readonly string[];
  readonly etcd: readonly string[];
  readonly etcdRestarted?: true;
  readonly timeout: number;
  readonly ca?: string;
  readonly caKey?: string;
  readonly caPassphraseFile?: string;
  readonly output: OutputFormat;
}

const PHASES: readonly PhaseName[] = ['prepare', 'activate', 'retire'];

export function rotateCommand(): Command {
  return new Command('rotate-ca')
    .description(
      "put another authority in the place of the cluster's own, announced to peers and accepted beside it first",
    )
    .requiredOption('--dir <folder>', "where the cluster's certificates and its authority stand")
    .addOption(phaseOption('--prepare', 'make the next authority, and announce it beside the one that signs'))
    .addOption(phaseOption('--activate', 'have the next one sign, and issue every certificate anew'))
    .addOption(phaseOption('--retire', 'take the old one out; without a phase: all three, waiting in between'))
    .addOption(
      new Option(
        '-s, --server <address...>',
        'each API server of the cluster: http://host:port, https://host:port (with what is in the folder) or unix:/path',
      )
        .env('CLUSTERMESH_SERVER')
        .default(['http://127.0.0.1:9880'], 'http://127.0.0.1:9880'),
    )
    .addOption(
      new Option(
        '--etcd <address...>',
        "each member of the cluster's etcd, host:port: asked whether it takes the next one",
      ).default([], 'none'),
    )
    .option('--etcd-restarted', 'every member was restarted since --prepare: do not ask it')
    .addOption(
      new Option('--timeout <duration>', 'how long to wait before each phase, such as 90s or 10m')
        .default(10 * 60_000, '10m')
        .argParser(parseDuration),
    )
    .option('--force', 'go on whatever stands in the way: who has not taken the bundle is cut off')
    .option('--ca <file>', 'prepare this root or intermediate, with the chain up to its root; PEM or PKCS#12')
    .option('--ca-key <file>', 'its private key, PEM, where the first file does not hold it')
    .option('--ca-passphrase-file <file>', 'what opens the key or the PKCS#12 container')
    .option('--dry-run', 'print what the next phase would do, and what stands in its way; write nothing')
    .addOption(outputOption())
    .addHelpText(
      'after',
      '\nCopy ca/ca.pem to every machine behind --prepare and --retire, and the certificates behind --activate; restart etcd between' +
        '\n--prepare and --activate. A phase may be repeated: it completes what was broken off.' +
        '\nExit codes: 0 done, 1 something stands in the way or could not be issued, 2 wrong usage, 3 could not be carried out.',
    )
    .action(rotate);
}

const phaseOption = (flag: string, description: string): Option =>
  new Option(flag, description).conflicts(PHASES.filter((name) => flag !== `--${name}`));

async function rotate(options: RotateOptions): Promise<void> {
  const { dir, server, etcd, timeout, output } = options;
  const chosen = PHASES.filter((name) => options[name] === true);
  const request: RotateRequest = {
    ...{ dir, servers: server, etcd },
    phases: chosen.length > 0 ? chosen : PHASES,
    etcdRestarted: options.etcdRestarted === true,
    force: options.force === true,
    dryRun: options.dryRun === true,
    timeoutMs: chosen.length > 0 ? 0 : timeout,
    given: await givenAuthority({ ...options, cluster: await new LeafFolder({ dir }).cluster() }),
  };
  const deps = {
    ask: async (address: string) =>
      await getDocument<TrustDocument>({ server: address, pki: dir }, '/v1/trust', 'bundle'),
    untilEtcdTakes: (endpoint: string, next: Parameters<typeof untilEtcdTakes>[0]['next'], store: string) =>
      untilEtcdTakes({ endpoint, next, store, now: systemClock.now() }, new AbortController().signal),
    clock: systemClock,
    pause: async (ms: number) => void (await pause(ms)),
    onProgress: (line: string) => void process.stderr.write(`${line}\n`),
  };
  const outcome = await runPhases(request, deps);
  const over = outcome.phase === 'settled' && chosen.length === 0 && !request.dryRun && outcome.steps.length > 0;
  const pending = over ? await untilTaken(request, deps) : [];
  print(output, documentOf(outcome, request, pending), () => render(outcome, request, pending));
  if (outcome.waiting.length > 0 || outcome.steps.some(({ failure }) => failure !== undefined)) process.exitCode = 1;
}

function documentOf(
  { cluster, phase, steps, waiting, passedOver, notAsked }: RotateOutcome,
  { dir, dryRun }: RotateRequest,
  pending: readonly string[],
) {
  return {
    schema_version: 1,
    ...{ cluster, dir, phase },
    dry_run: dryRun,
    steps: steps.map(({ step: { do: action, path, why }, failure }) => ({
      ...{ action, path, why },
      failed: failure?.reason ?? null,
      remedy: failure?.hint ?? null,
    })),
    waiting_for: waiting,
    passed_over: passedOver,
    not_asked: notAsked,
    pending,
  };
}

function render(
  { cluster, phase, steps, waiting, passedOver, notAsked }: RotateOutcome,
  { dryRun }: RotateRequest,
  pending: readonly string[],
): string {
  const listed = (title: string, lines: readonly string[]) =>
    lines.length === 0 ? [] : [[title, ...lines.map((line) => `  ${line}`)].join('\n')];
  const failed = steps.flatMap(({ step, failure }) =>
    failure === undefined ? [] : [`${step.path}: not issued: ${failure.reason}\n  fix: ${failure.hint}`],
  );
  return [
    ...(steps.length === 0
      ? []
      : [table([dryRun ? 'WOULD' : 'DONE', 'FILE', 'WHAT'], steps.filter(succeeded).map(rowOf))]),
    ...failed,
    ...listed('passed over:', passedOver),
    ...listed('in the way of the next phase:', waiting),
    ...listed('not asked, and not waited for:', notAsked),
    ...listed('the old authority is gone; not taken yet:', pending),
    `${cluster}: ${MEANINGS[phase]}`,
  ].join('\n\n');
}

const succeeded = ({ failure }: StepOutcome): boolean => failure === undefined;
const rowOf = ({ step }: StepOutcome) => [step.do, step.path, step.why];

const MEANINGS: Readonly<Record<RotateOutcome['phase'], string>> = {
  settled: 'one authority signs, and no other is accepted',
  begun: 'a next authority was begun: run --prepare again',
  prepared:
    'prepared: copy ca/ca.pem to every machine, restart etcd one member after the other, then --activate when all peers have taken it',
  activated: 'activated: copy the certificates to where they are used, then --retire; both authorities are accepted',
};

const UNITS: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000 };

function parseDuration(text: string): number {
  const [, count, unit = ''] = /^(\d{1,6})([smh])$/.exec(text) ?? [];
  if (count === undefined) throw new InvalidArgumentError('not of the form 90s, 10m or 2h.');
  return Number(count) * (UNITS[unit] ?? 0);
}
