// A Service of a manifest. Without Kubernetes nobody allocates cluster IPs: a service that names none has no frontend, which
// is said, because it is rarely meant.

import type { IpAddress } from '../../../mesh/model/names.ts';
import { CLIENT_IP_TIMEOUT_SECONDS, type NamedPort } from '../../../mesh/model/service.ts';
import { comparePorts } from '../../../mesh/snapshot/order.ts';
import { serviceIntent } from '../annotations.ts';
import type { ServiceObject } from '../objects.ts';
import type { Fields } from './fields.ts';
import { readExportFields } from './read-export-fields.ts';
import { type ObjectMeta, warnOfAnnotations } from './read-meta.ts';

const HEADLESS = 'None';

export function readService(meta: ObjectMeta, fields: Fields): ServiceObject {
  const spec = fields.at('spec').map();
  warnOfAnnotations(fields, serviceIntent(meta.annotations).problems);
  const external = spec.at('type').text() === 'ExternalName';
  return {
    kind: 'Service',
    ...meta,
    external,
    clusterIPs: external ? [] : readClusterIPs(spec),
    ports: readPorts(spec.at('ports')),
    selector: spec.at('selector').textMap(),
    ...readSessionAffinity(spec),
    ...readExportFields(fields),
  };
}

function readClusterIPs(spec: Fields): readonly IpAddress[] {
  const one = spec.at('clusterIP');
  const many = spec.at('clusterIPs');
  const given = (many.absent ? [one] : many.items()).filter((field) => !field.absent);
  if (given.some((field) => field.text() === HEADLESS)) return [];
  const addresses = given.flatMap((field) => field.address() ?? []);
  if (given.length === 0) one.warn('is missing: the service has no address', `give it one, or "${HEADLESS}"`);
  return [...new Set(addresses)];
}

/** Absent without an affinity. */
function readSessionAffinity(spec: Fields): Pick<ServiceObject, 'clientIPTimeoutSeconds'> {
  const kind = spec.at('sessionAffinity');
  const given = kind.text() ?? '';
  if (given !== 'ClientIP') {
    if (given !== '' && given !== 'None') kind.fail(`"${given}" is not ClientIP or None`);
    return {};
  }
  const { min, max, default: usual } = CLIENT_IP_TIMEOUT_SECONDS;
  const clientIP = spec.at('sessionAffinityConfig').map().at('clientIP').map();
  return { clientIPTimeoutSeconds: clientIP.at('timeoutSeconds').whole(min, max) ?? usual };
}

/** Sorted; in a list of several every port has a name of its own. */
function readPorts(list: Fields): readonly NamedPort[] {
  const seen = new Set<string>();
  const items = list.items();
  const ports = items.map((item) => {
    const name = item.at('name').text() ?? '';
    if (seen.has(name))
      item
        .at('name')
        .fail(name === '' ? 'is missing: one of several ports has no name' : `"${name}" is twice in the list`);
    seen.add(name);
    return { name, protocol: item.at('protocol').protocol(), port: item.at('port').port() };
  });
  return ports.sort(comparePorts);
}
