// Records that are pieces of one service: which whole record they stand for, and which slices belong together. Where a cluster's
// service has a head, its whole record says the same again and is not looked at. Findings name the service as if it had come
// whole, so that whoever compares two clusters' reports sees the same, whatever form each of them got it in.

import type { ClusterName, ServiceKey } from '../model/names.ts';
import { KEY_LAYOUTS, parseRecordKey, stateKey } from '../wire/state-keys.ts';
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

const NOBODY: ReadonlySet<RecordState> = new Set();

/** The slices of each cluster's services, whether their heads are there or not. */
export class SliceIndex {
  readonly #slices = new Map<ClusterName, Map<ServiceKey, Set<RecordState>>>();

  add(key: ServiceKey, record: RecordState): void {
    const services = this.#slices.get(record.cluster) ?? new Map<ServiceKey, Set<RecordState>>();
    this.#slices.set(record.cluster, services);
    const slices = services.get(key);
    if (slices === undefined) services.set(key, new Set([record]));
    else slices.add(record);
  }

  delete(key: ServiceKey, record: RecordState): void {
    const services = this.#slices.get(record.cluster);
    const slices = services?.get(key);
    slices?.delete(record);
    if (slices?.size === 0) services?.delete(key);
    if (services?.size === 0) this.#slices.delete(record.cluster);
  }

  of(cluster: ClusterName, key: ServiceKey): ReadonlySet<RecordState> {
    return this.#slices.get(cluster)?.get(key) ?? NOBODY;
  }
}
