// `clustermesh trust verify`: path verification by itself, for a pipeline or before a change. Exit 0 says that the chain is usable, and
// nothing else does: 1 it is not, 3 it could not be evaluated.

import type { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { Command, InvalidArgumentError, Option } from 'commander';
import { catalogueRow, docsAnchor } from '../mesh/conflict/catalogue.ts';
import { parseInstant } from '../mesh/conflict/order.ts';
import type { ClusterName } from '../mesh/model/names.ts';
import { readBundle } from '../pki/trust/bundle.ts';
import type { TrustProblem, TrustPurpose, TrustVerdict } from '../pki/trust/problem.ts';
import { verifyChain } from '../pki/trust/verify-chain.ts';
import { systemClock } from '../runtime/clock.ts';
import { OperationalError, reasonOf } from '../runtime/errors.ts';
import { clusterName, type OutputFormat, outputOption, print } from './options.ts';
import { table } from './table.ts';
import { renewCommand } from './trust-renew.ts';
import { revokeCommand } from './trust-revoke.ts';
import { rotateCommand } from './trust-rotate.ts';
import { statusCommand } from './trust-status.ts';

export function trustCommand(): Command {
  return new Command('trust')
    .description(
      'show, verify and renew the certificates of a cluster, replace its authority, and end the trust in a peer',
    )
    .addCommand(verifyCommand().exitOverride())
    .addCommand(revokeCommand().exitOverride())
    .addCommand(renewCommand().exitOverride())
    .addCommand(rotateCommand().exitOverride())
    .addCommand(statusCommand().exitOverride());
}

interface VerifyOptions {
  readonly chain: string;
  readonly ca: string;
  readonly name?: ClusterName;
  readonly purpose: TrustPurpose;
  readonly plain?: boolean;
  readonly now?: number;
  readonly output: OutputFormat;
}

function verifyCommand(): Command {
  return new Command('verify')
    .description('say whether a chain leads to a trust store, and if not, which link fails and why')
    .requiredOption('--chain <file>', 'what is presented, PEM, the leaf first')
    .requiredOption('--ca <file>', 'the trust store, PEM')
    .addOption(new Option('--name <cluster>', 'the cluster whose certificate it is to be').argParser(clusterName))
    .addOption(
      new Option('--purpose <purpose>', "of a cluster's door, of a cluster as the client of a door, or any")
        .choices(['door', 'peer', 'any'])
        .default('any'),
    )
    .option('--plain', 'the cluster is a plain Cilium one: the wildcard *.mesh.cilium.io is its name too')
    .addOption(new Option('--now <time>', 'the time to verify at, RFC 3339').argParser(parseNow))
    .addOption(outputOption())
    .addHelpText('after', '\nExit codes: 0 usable, 1 not usable, 2 wrong usage, 3 could not be evaluated.')
    .action(async ({ chain, ca, name, purpose, plain, now = systemClock.now(), output }: VerifyOptions) => {
      const presented = await readCertificates('--chain', chain);
      const store = await readCertificates('--ca', ca);
      const verdict = verifyChain({
        chain: presented,
        store: store.map(String),
        purpose,
        now,
        ...(name === undefined ? {} : { cluster: name }),
        ...(plain === undefined ? {} : { plain }),
      });
      print(output, documentOf(verdict, { name, purpose, now }), () => render(verdict, purpose, name));
      if (!verdict.usable) process.exitCode = 1;
    });
}

function documentOf(
  { usable, path, problems }: TrustVerdict,
  asked: { readonly name: ClusterName | undefined; readonly purpose: TrustPurpose; readonly now: number },
) {
  return {
    schema_version: 1,
    usable,
    cluster: asked.name ?? null,
    purpose: asked.purpose,
    evaluated_at: new Date(asked.now).toISOString(),
    path,
    problems: problems.map((problem) => ({
      ...problem,
      title: catalogueRow(problem.code).title,
      docs: docsAnchor(problem.code),
    })),
  };
}

function render({ usable, path, problems }: TrustVerdict, purpose: TrustPurpose, name: string | undefined): string {
  const what = `${name ?? 'the chain'} for ${purpose === 'any' ? 'any purpose' : purpose}`;
  const parts = [`${usable ? 'usable' : 'NOT usable'}: ${what}`];
  if (path.length > 0) {
    parts.push(
      table(
        ['LINK', 'CERTIFICATE', 'FROM', 'KEY', 'SIGNATURE', 'VALID TO', 'FOUND'],
        path.map(({ subject, place, key, signature, valid_to, fingerprint }, depth) => {
          const found = problems.filter(({ certificate }) => certificate?.fingerprint === fingerprint);
          const codes = [...new Set(found.map(({ code }) => code))].join(' ');
          return [depth === 0 ? 'leaf' : depth, subject, place, key, signature, valid_to, codes === '' ? 'ok' : codes];
        }),
      ),
    );
  }
  return [...parts, ...problems.map(explained)].join('\n\n');
}

const explained = ({ code, severity, reason, presented, expected, remedy }: TrustProblem): string =>
  [
    `${code} ${severity}: ${catalogueRow(code).title}`,
    `  what:      ${reason}`,
    `  presented: ${presented}`,
    `  expected:  ${expected}`,
    `  fix:       ${remedy}`,
  ].join('\n');

async function readCertificates(option: string, path: string): Promise<readonly X509Certificate[]> {
  const failure = (code: string, subject: string, reason: string, hint: string, cause?: unknown) =>
    new OperationalError({ code, operation: 'read certificates', subject, reason, hint, cause });
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (cause) {
    throw failure('TRUST_FILE', path, reasonOf(cause), `check the path given with ${option}`, cause);
  }
  const read = readBundle(text);
  if (!read.ok) {
    const { line, reason } = read.error;
    throw failure('TRUST_PEM', `${path}:${line}`, reason, `give PEM certificates with ${option}`);
  }
  return read.value;
}

function parseNow(text: string): number {
  const instant = parseInstant(text);
  if (instant === undefined) throw new InvalidArgumentError('not an RFC 3339 time such as 2026-03-01T00:00:00Z.');
  return instant;
}
