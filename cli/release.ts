// `clustermesh release`: a person decides that what a finding withholds is right: a cluster was rebuilt on purpose. Shows the finding
// first, and asks, because what is admitted by it cannot be told from what an impostor would bring.

import { Command } from 'commander';
import { z } from 'zod';
import { releaseSchema } from '../apiserver/http/schema/quarantine.ts';
import { findingSchema } from '../apiserver/http/schema/report.ts';
import { OperationalError } from '../runtime/errors.ts';
import { changeJson, getJson } from './api-client.ts';
import type { ApiPlace } from './api-request.ts';
import { confirmed } from './confirm.ts';
import { explanationOf, partiesOf } from './diagnose-text.ts';
import { type OutputFormat, outputOption, pkiOption, print, serverOption } from './options.ts';

interface ReleaseOptions extends ApiPlace {
  readonly output: OutputFormat;
  readonly yes?: true;
}

export function releaseCommand(): Command {
  return new Command('release')
    .description('confirm what a finding withholds, where a person may decide; exit 1 when it was not confirmed')
    .argument('<fingerprint>', 'of the finding, as diagnose shows it')
    .addOption(serverOption())
    .addOption(pkiOption())
    .option('--yes', 'do not ask')
    .addOption(outputOption())
    .action(async (fingerprint: string, { yes, output, ...place }: ReleaseOptions) => {
      const { server } = place;
      const path = encodeURIComponent(fingerprint);
      const finding = parsed(findingSchema, await getJson(place, `/v1/conflicts/${path}`), server);
      const { what, effect } = explanationOf(finding);
      process.stderr.write(`${finding.code}  ${partiesOf(finding)}\n  ${what}\n  ${effect}\n`);
      if (
        !yes &&
        !(await confirmed(`Is that what was meant, and shall the new state of ${finding.subject.cluster} be used?`))
      ) {
        process.stderr.write('clustermesh: nothing was changed; --yes releases without asking\n');
        process.exitCode = 1;
        return;
      }
      const answer = parsed(releaseSchema, await changeJson(place, 'POST', `/v1/quarantine/${path}/release`), server);
      const later = answer.recorded ? '' : '; it is not stored yet, look again after a while';
      print(output, answer, ({ cluster }) => `released: the state of ${cluster} is used from here on${later}`);
    });
}

function parsed<T>(schema: z.ZodType<T>, answer: unknown, server: string): T {
  const result = schema.safeParse(answer);
  if (result.success) return result.data;
  throw new OperationalError({
    code: 'API_UNEXPECTED',
    operation: 'read answer',
    subject: server,
    reason: z.prettifyError(result.error),
    hint: 'use the command of the version that the server has',
    cause: result.error,
  });
}
