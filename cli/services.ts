// `clustermesh services`: the global services of one cluster, and which clusters answer for them.

import { Command } from 'commander';
import type { ServiceDocument, ServicesDocument } from '../apiserver/status.ts';
import { getDocument } from './api-client.ts';
import type { ApiPlace } from './api-request.ts';
import { type OutputFormat, outputOption, pkiOption, print, serverOption } from './options.ts';
import { table } from './table.ts';

export function servicesCommand(): Command {
  return new Command('services')
    .description('list global services with the backends selected for this cluster')
    .argument('[namespace/name]', 'only this service, with every backend')
    .addOption(serverOption())
    .addOption(pkiOption())
    .addOption(outputOption())
    .action(async (name: string | undefined, { output, ...place }: ApiPlace & { output: OutputFormat }) => {
      const all = await getDocument<ServicesDocument>(place, '/v1/services', 'services');
      const services = all.services.filter(({ service }) => name === undefined || service === name);
      if (name !== undefined && services.length === 0) {
        process.stderr.write(
          `clustermesh: no global service ${name} here; it must exist in this cluster with service.cilium.io/global: "true"\n`,
        );
        process.exitCode = 1;
        return;
      }
      print(output, { ...all, services }, name === undefined ? renderServices : renderBackends);
    });
}

const counts = ({ backends_by_cluster }: ServiceDocument) =>
  Object.entries(backends_by_cluster)
    .map(([cluster, count]) => `${cluster} ${count}`)
    .join(', ') || 'none';

export function renderServices({ services }: ServicesDocument): string {
  return table(
    ['SERVICE', 'ADDRESSES', 'PORTS', 'AFFINITY', 'SHARED', 'BACKENDS'],
    services.map((service) => [
      service.service,
      service.frontends.join(', ') || 'headless',
      service.ports.map(({ name, protocol, port }) => `${name === '' ? '' : `${name}:`}${port}/${protocol}`).join(', '),
      service.affinity,
      service.shared ? 'yes' : 'no',
      counts(service),
    ]),
  );
}

function renderBackends(document: ServicesDocument): string {
  const backends = document.services.flatMap(({ backends }) => backends);
  const rows = backends.map(({ address, cluster, state, ports }) => [
    address,
    cluster,
    state,
    ports.map(({ name, port, protocol }) => `${name === '' ? '' : `${name}:`}${port}/${protocol}`).join(', '),
  ]);
  return `${renderServices(document)}\n\n${table(['BACKEND', 'CLUSTER', 'STATE', 'PORTS'], rows)}`;
}
