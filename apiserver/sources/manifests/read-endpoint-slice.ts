// An EndpointSlice of a manifest. A slice of host names (addressType FQDN) has no address to program and counts as empty.

import { familyOf } from '../../../mesh/model/address.ts';
import { isHostScoped } from '../../../mesh/model/host-scope.ts';
import { type IpAddress, type ServiceKey, serviceKey } from '../../../mesh/model/names.ts';
import { singlePrefix } from '../../../mesh/model/prefix.ts';
import type { NamedPort } from '../../../mesh/model/service.ts';
import { comparePorts } from '../../../mesh/snapshot/order.ts';
import type { EndpointSliceObject, SliceEndpoint } from '../objects.ts';
import type { Fields } from './fields.ts';
import type { ObjectMeta } from './read-meta.ts';

const SERVICE_NAME_LABEL = 'kubernetes.io/service-name';
/** Kubernetes' own limit for the addresses of one endpoint; all of them stand for the same backend. */
const ADDRESSES_MAX = 100;

export function readEndpointSlice(meta: ObjectMeta, fields: Fields): EndpointSliceObject {
  const { namespace, name } = meta;
  const addressType = fields.at('addressType').text() ?? 'IPv4';
  if (!['IPv4', 'IPv6', 'FQDN'].includes(addressType)) {
    fields.at('addressType').fail(`"${addressType}" is not IPv4, IPv6 or FQDN`);
  }
  const endpoints =
    addressType === 'FQDN'
      ? []
      : fields
          .at('endpoints')
          .items()
          .map((item) => readEndpoint(item, addressType === 'IPv6' ? 6 : 4));
  return {
    kind: 'EndpointSlice',
    namespace,
    name,
    service: readServiceKey(meta, fields),
    endpoints,
    ports: readSlicePorts(fields.at('ports')),
  };
}

function readServiceKey({ namespace, labels }: ObjectMeta, fields: Fields): ServiceKey | undefined {
  const service = labels[SERVICE_NAME_LABEL];
  if (service !== undefined) return serviceKey(namespace, service);
  const label = fields.at('metadata').at('labels').at(SERVICE_NAME_LABEL);
  label.warn('is missing: the slice belongs to no service', `add the label ${SERVICE_NAME_LABEL}`);
  return undefined;
}

function readEndpoint(item: Fields, family: 4 | 6): SliceEndpoint {
  const conditions = item.at('conditions').map();
  const ready = conditions.at('ready').flag() ?? true;
  return {
    addresses: readAddresses(item.at('addresses'), family),
    ready,
    serving: conditions.at('serving').flag() ?? ready,
    terminating: conditions.at('terminating').flag() ?? false,
    hostname: item.at('hostname').text(),
    zone: item.at('zone').text(),
    zoneHints: item
      .at('hints')
      .at('forZones')
      .items()
      .map((zone) => zone.at('name').requiredText()),
  };
}

function readAddresses(list: Fields, family: 4 | 6): readonly IpAddress[] {
  const items = list.items();
  if (items.length === 0) list.fail('is missing: an endpoint needs an address');
  if (items.length > ADDRESSES_MAX) list.fail(`has more than ${ADDRESSES_MAX} entries`);
  return items.slice(0, ADDRESSES_MAX).flatMap((item) => {
    if (item.absent) item.fail('is missing');
    const address = item.address();
    if (address === undefined) return [];
    if (familyOf(address) !== family)
      item.fail(`${address} is not an IPv${family} address, as the slice's addressType says`);
    if (isHostScoped(singlePrefix(address)))
      item.fail(`${address} is an address that every host has itself`, 'name an address that other nodes can reach');
    return [address];
  });
}

/** A port without a number stands for every port: there is nothing to program. */
function readSlicePorts(list: Fields): readonly NamedPort[] {
  const seen = new Set<string>();
  return list
    .items()
    .flatMap((item) => {
      const name = item.at('name').text() ?? '';
      if (seen.has(name)) item.at('name').fail(`"${name}" is twice in the list`);
      seen.add(name);
      const protocol = item.at('protocol').protocol();
      return item.at('port').absent ? [] : [{ name, protocol, port: item.at('port').port() }];
    })
    .sort(comparePorts);
}
