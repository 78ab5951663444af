// Records that are pieces of one service: which whole record they stand for, and which slices belong together. Where a cluster's
// service has a head, its whole record says the same again and is not looked at. Findings name the service as if it had come
// whole, so that whoever compares two clusters' reports sees the same, whatever form each of them got it in.

import type { ClusterName, ServiceKey } from '../model/names.ts';
import { KEY_LAYOUTS, parseRecordKey, stateKey } from '../wire/state-keys.ts';
import { type Few, itemsOf, withItem, withoutItem } from './few.ts';
import type { RecordState } from './record-state.ts';

/** The key of the service's whole record; undefined for records that are no pieces. */
export function wholeKeyOf({ kind, key }: Pick<RecordState, 'kind' | 'key'>): string | undefined {
  if (kind !== 'heads' && kind !== 'slices') return undefined;
  const parts = parseRecordKey(KEY_LAYOUTS[kind], key);
  if (!parts.ok || parts.value.cluster === undefined) return undefined;
  const { cluster, suffix } = parts.value;
  const service = kind === 'heads' ? suffix : suffix.slice(0, suffix.lastIndexOf('/'));
  return stateKey(KEY_LAYOUTS.services, cluster, service);
}

/** What findings call a record. One that cannot be read is called by its own key: that is what is to be looked at. */
export const namedKey = (record: Pick<RecordState, 'kind' | 'key'>): string => wholeKeyOf(record) ?? record.key;

/** What findings call its kind. */
export const namedKind = ({ kind }: Pick<RecordState, 'kind'>): RecordState['kind'] =>
  kind === 'heads' || kind === 'slices' ? 'services' : kind;

/** The key of the head beside a whole record; undefined for a key of another form. */
export function headKeyBeside(wholeKey: string): string | undefined {
  const { statePrefix } = KEY_LAYOUTS.services;
  return wholeKey.startsWith(statePrefix)
    ? `${KEY_LAYOUTS.heads.statePrefix}${wholeKey.slice(statePrefix.length)}`
    : undefined;
}

/** The slices of each cluster's services, whether their heads are there or not. */
export class SliceIndex {
  readonly #slices = new Map<ClusterName, Map<ServiceKey, Few<RecordState>>>();

  add(key: ServiceKey, record: RecordState): void {
    const services = this.#slices.get(record.cluster) ?? new Map<ServiceKey, Few<RecordState>>();
    this.#slices.set(record.cluster, services);
    services.set(key, withItem(services.get(key), record));
  }

  delete(key: ServiceKey, record: RecordState): void {
    const services = this.#slices.get(record.cluster);
    if (services === undefined) return;
    const left = withoutItem(services.get(key), record);
    if (left !== undefined) services.set(key, left);
    else services.delete(key);
    if (services.size === 0) this.#slices.delete(record.cluster);
  }

  of(cluster: ClusterName, key: ServiceKey): Iterable<RecordState> {
    return itemsOf(this.#slices.get(cluster)?.get(key));
  }
}
