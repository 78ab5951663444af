// `clustermesh join` and `leave`: connects two clusters whose administrators share nothing but a line of text, and ends it
// again. The API server does it; these commands ask it, show what would happen, and wait for a yes.

import { Command } from 'commander';
import type { JoinDocument } from '../apiserver/join/joiner.ts';
import { CATALOGUE } from '../mesh/conflict/catalogue.ts';
import { explain } from '../mesh/conflict/explain.ts';
import type { Finding } from '../mesh/conflict/finding.ts';
import { changeJson, RefusedChange } from './api-client.ts';
import type { ApiPlace } from './api-request.ts';
import { confirmed } from './confirm.ts';
import { type OutputFormat, outputOption, peerArgument, pkiOption, print, serverOption } from './options.ts';

interface Common extends ApiPlace {
  readonly output: OutputFormat;
}

export function joinCommand(): Command {
  return new Command('join')
    .description('join the cluster that a token is from; exit 1 when the two do not fit together')
    .argument('<token>', 'the line that `clustermesh invite` printed there; - reads it from standard input')
    .option('--dry-run', 'only show the other side, the plan, and what both sides find')
    .option('--yes', 'do not ask')
    .addOption(serverOption())
    .addOption(pkiOption())
    .addOption(outputOption())
    .addHelpText(
      'after',
      '\nWithout --yes it asks; with -o json, or where standard input is no terminal, it then changes nothing.' +
        '\nA token on the command line is seen by every user of this machine: - keeps it from them.',
    )
    .action(async (given: string, options: Common & { readonly dryRun?: true; readonly yes?: true }) => {
      const { output, dryRun, yes } = options;
      const token = given === '-' ? await standardInput() : given;
      const ask = async (dry_run: boolean) =>
        (await changeJson(options, 'POST', '/v1/joins', { token, dry_run })) as JoinDocument;
      try {
        if (dryRun === true || yes !== true) {
          const plan = await ask(true);
          if (plan.blocked) process.exitCode = 1;
          if (dryRun === true || plan.blocked || output === 'json') return print(output, plan, renderJoin);
          print(output, plan, renderJoin);
          if (!(await confirmed(`Do the words match, and shall ${plan.cluster} join ${plan.peer.name}?`))) {
            process.stderr.write('clustermesh: nothing was changed; --yes joins without asking\n');
            process.exitCode = 1;
            return;
          }
        }
        print(output, await ask(false), renderJoin);
      } catch (error) {
        if (!(error instanceof RefusedChange) || !Array.isArray(error.problem.findings)) throw error;
        // Refused for what was found: that is the report of this command, not its failure.
        print(
          output,
          error.problem,
          () => `${error.message}\n\n${renderFindings(error.problem.findings as Finding[])}`,
        );
        process.exitCode = 1;
      }
    });
}

export function leaveCommand(): Command {
  return new Command('leave')
    .description('remove a peer that a join has added, and its trust store; its backends are withdrawn')
    .addArgument(peerArgument())
    .option('--yes', 'do not ask')
    .addOption(serverOption())
    .addOption(pkiOption())
    .addOption(outputOption())
    .action(async (peer: string, { output, yes, ...place }: Common & { readonly yes?: true }) => {
      const question = `Remove ${peer}, and withdraw every backend of it from this cluster?`;
      if (yes !== true && !(await confirmed(question))) {
        process.stderr.write('clustermesh: nothing was changed; --yes leaves without asking\n');
        process.exitCode = 1;
        return;
      }
      const left = (await changeJson(place, 'DELETE', `/v1/peers/${peer}`)) as { readonly removed: readonly string[] };
      print(output, left, ({ removed }) =>
        [
          ...removed.map((path) => `removed  ${path}`),
          `${peer} keeps its side until its administrator runs \`clustermesh leave\` there too.`,
        ].join('\n'),
      );
    });
}

function renderJoin({ state, cluster, peer, words, expires_at, steps, findings, blocked }: JoinDocument): string {
  const joined = state === 'joined';
  const seen = new Set(findings.here.map(({ fingerprint }) => fingerprint));
  const onlyThere = findings.there.filter(({ fingerprint }) => !seen.has(fingerprint));
  return [
    ...(joined
      ? [`${cluster} and ${peer.name} are peers now.`]
      : [`The token is from ${peer.name}, until ${expires_at}.`, `Words to compare by voice: ${words}`]),
    '',
    `  cluster    ${peer.name}, id ${peer.id}, uid ${peer.uid}, software ${peer.software}`,
    `  pods       ${peer.pod_cidrs.join(', ') || 'none declared'}`,
    `  services   ${peer.service_cidrs.join(', ') || 'none declared'}`,
    `  nodes      ${peer.node_cidrs.join(', ') || 'none declared'}`,
    `  doors      ${peer.endpoints.join(', ')}`,
    ...peer.spki_pins.map((pin) => `  authority  ${pin}`),
    '',
    joined ? 'Done:' : 'Plan:',
    ...steps.map((step) => `  ${step}`),
    '',
    ...(findings.here.length + onlyThere.length === 0
      ? ['Nothing was found on either side that stands against it.']
      : []),
    ...(findings.here.length === 0 ? [] : [`Found here, in ${cluster}:`, renderFindings(findings.here)]),
    ...(onlyThere.length === 0 ? [] : [`Found in ${peer.name} only:`, renderFindings(onlyThere)]),
    ...(blocked
      ? ['', 'The join would be refused. The token stays good: resolve what is blocking, and run it again.']
      : []),
  ].join('\n');
}

const renderFindings = (findings: readonly Finding[]): string =>
  findings
    .map((finding) => {
      // The other side may run a newer version, with findings that this one does not know.
      if (!CATALOGUE.has(finding.code))
        return `  ${finding.code} ${finding.severity}\n    what  ${finding.title}\n    fix   ${finding.remediation}`;
      const { what, why, fix } = explain(finding);
      return `  ${finding.code} ${finding.severity}\n    what  ${what}\n    why   ${why}\n    fix   ${fix}`;
    })
    .join('\n');

/** Longer than any token. */
const INPUT_LENGTH_MAX = 16 * 1024;

async function standardInput(): Promise<string> {
  let text = '';
  for await (const chunk of process.stdin) {
    text += String(chunk);
    if (text.length > INPUT_LENGTH_MAX) break;
  }
  return text.trim();
}
