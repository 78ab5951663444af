// A Node of a manifest: its addresses and the ranges that its pods get theirs from.

import type { Prefix } from '../../../mesh/model/prefix.ts';
import { parsePrefix } from '../../../mesh/model/prefix.ts';
import type { NodeAddress, NodeObject } from '../objects.ts';
import type { Fields } from './fields.ts';
import type { ObjectMeta } from './read-meta.ts';

/** Address types whose value is a name. */
const NAME_TYPES = ['Hostname', 'InternalDNS', 'ExternalDNS'];

export function readNode({ name, labels }: ObjectMeta, fields: Fields): NodeObject {
  const status = fields.at('status').map();
  return {
    kind: 'Node',
    name,
    labels,
    addresses: status.at('addresses').items().flatMap(readNodeAddress),
    podCIDRs: readPodCIDRs(fields.at('spec').map()),
    bootId: status.at('nodeInfo').map().at('bootID').text() ?? '',
  };
}

function readNodeAddress(item: Fields): readonly NodeAddress[] {
  const type = item.at('type').requiredText();
  if (item.at('address').absent) item.at('address').fail('is missing');
  if (NAME_TYPES.includes(type)) return [];
  const address = item.at('address').address();
  return address === undefined ? [] : [{ type, address }];
}

function readPodCIDRs(spec: Fields): readonly Prefix[] {
  const one = spec.at('podCIDR');
  const many = spec.at('podCIDRs');
  const given = many.absent ? [one] : many.items();
  return given.flatMap((field) => {
    const text = field.text();
    if (text === undefined || text === '') return [];
    const parsed = parsePrefix(text);
    if (!parsed.ok) {
      field.fail(`"${text}" is not a CIDR range: ${parsed.error}`);
      return [];
    }
    if (parsed.value.hostBits)
      field.warn(`"${text}" has bits behind its prefix length: read as ${parsed.value.prefix.text}`);
    return [parsed.value.prefix];
  });
}
