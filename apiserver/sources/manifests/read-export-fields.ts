// What a Service of a manifest says that only matters beside the Services of other clusters: how old it is, which families of
// addresses it has, and where clients are to find it. Kubernetes' defaults are left out.

import { IP_FAMILIES } from '../../../mesh/wire/service-spec.ts';
import { parseTime } from '../../../mesh/wire/time.ts';
import type { ExportFields, IpFamily, TextMap } from '../objects.ts';
import type { Fields } from './fields.ts';

export function readExportFields(fields: Fields): ExportFields {
  const spec = fields.at('spec');
  const createdAt = readCreationTime(fields.at('metadata').at('creationTimestamp'));
  const ipFamilies = readIpFamilies(spec.at('ipFamilies'));
  const trafficDistribution = spec.at('trafficDistribution').text();
  const appProtocols = readAppProtocols(spec.at('ports'));
  return {
    ...(createdAt === undefined ? {} : { createdAt }),
    ...(ipFamilies.length === 0 ? {} : { ipFamilies }),
    ...(keepsToNode(spec.at('internalTrafficPolicy')) ? { internalTrafficPolicy: 'Local' as const } : {}),
    ...(trafficDistribution ? { trafficDistribution } : {}),
    ...(Object.keys(appProtocols).length === 0 ? {} : { appProtocols }),
  };
}

/** Kubernetes sets it; what a person wrote there instead is no reason to drop the service. */
function readCreationTime(field: Fields): number | undefined {
  const text = field.text();
  if (!text) return undefined;
  const time = parseTime(text);
  if (time.ok) return time.value;
  field.warn(`"${text}" is ${time.error}: the service counts as one of unknown age`);
  return undefined;
}

function readIpFamilies(list: Fields): readonly IpFamily[] {
  const families = new Set<IpFamily>();
  for (const item of list.items()) {
    const text = item.text();
    const family = IP_FAMILIES.find((known) => known === text);
    if (family === undefined) item.fail(`"${text ?? ''}" is not IPv4 or IPv6`);
    else families.add(family);
  }
  return [...families];
}

function keepsToNode(field: Fields): boolean {
  const text = field.text() || 'Cluster';
  if (text !== 'Local' && text !== 'Cluster') field.fail(`"${text}" is not Cluster or Local`);
  return text === 'Local';
}

function readAppProtocols(list: Fields): TextMap {
  const items = list
    .items()
    .map((item) => [item.at('name').text() ?? '', item.at('appProtocol').text() ?? ''] as const);
  return Object.fromEntries(items.filter(([, protocol]) => protocol !== ''));
}
