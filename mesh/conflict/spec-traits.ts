// What of an export is compared between clusters (CM-SVC-003 to 009), one text a property: equal texts, equal properties. A digest,
// like every value that is kept while records are judged; ports and type are compared by the ClusterService, which every cluster has.

import type { ClusterName } from '../model/names.ts';
import { CLIENT_IP_TIMEOUT_SECONDS } from '../model/service.ts';
import { INTERNAL_TRAFFIC_POLICIES, type ServiceSpecRecord } from '../wire/service-spec.ts';
import { compareText, parseInstant } from './order.ts';

export interface SpecProperties {
  readonly sessionAffinity: string;
  readonly sessionAffinityConfig: string;
  /** A list of `[name, value]` in JSON, in name order. */
  readonly annotations: string;
  readonly labels: string;
  readonly internalTrafficPolicy: string;
  readonly trafficDistribution: string;
  /** Undefined where the cluster does not say. */
  readonly ipFamilies: string | undefined;
}

export interface SpecTraits extends SpecProperties {
  /** Milliseconds since the epoch; undefined where nobody knows. */
  readonly exportedAt: number | undefined;
  /** Equal texts, equal properties, whatever the age. */
  readonly text: string;
  /** Whether every property is said that such a service has: a headless one need not name families, and is not compared by them then. */
  readonly whole: boolean;
}

/** One cluster's part in a service that several export. */
export interface SpecConstituent {
  readonly cluster: ClusterName;
  readonly traits: SpecTraits;
}

export function specTraits(spec: ServiceSpecRecord): SpecTraits {
  const { sessionAffinity, sessionAffinityConfig, ipFamilies, internalTrafficPolicy, trafficDistribution } = spec;
  const time = spec.exportCreationTimestamp;
  const properties: SpecProperties = {
    sessionAffinity,
    sessionAffinityConfig: affinityConfigText(sessionAffinity, sessionAffinityConfig?.clientIP?.timeoutSeconds),
    annotations: mapText(spec.annotations),
    labels: mapText(spec.labels),
    internalTrafficPolicy: internalTrafficPolicy || INTERNAL_TRAFFIC_POLICIES[0],
    // Kubernetes' two names of one behaviour, the older of which goes away.
    trafficDistribution: trafficDistribution === 'PreferClose' ? 'PreferSameZone' : (trafficDistribution ?? ''),
    // Which family is preferred is each cluster's own affair; which ones there are decides whom clients reach.
    ipFamilies: ipFamilies?.length ? [...ipFamilies].sort().join(', ') : undefined,
  };
  const needless = (name: string): boolean => name === 'ipFamilies' && spec.type === 'Headless';
  return {
    ...properties,
    exportedAt: time ? parseInstant(time) : undefined,
    text: JSON.stringify(properties),
    whole: Object.entries(properties).every(([name, value]) => value !== undefined || needless(name)),
  };
}

/** Only ClientIP has a configuration; what stands beside another affinity is not used. */
const affinityConfigText = (affinity: string, timeoutSeconds: number | undefined): string =>
  affinity === 'ClientIP' ? `timeoutSeconds ${timeoutSeconds || CLIENT_IP_TIMEOUT_SECONDS.default}` : '';

/** Of nearly all exports. */
const NO_ENTRIES = '[]';

function mapText(map: Readonly<Record<string, string>> | undefined): string {
  const entries = Object.entries(map ?? {});
  return entries.length === 0 ? NO_ENTRIES : JSON.stringify(entries.sort(([a], [b]) => compareText(a, b)));
}

export const mapEntries = (text: string): readonly (readonly [name: string, value: string])[] => JSON.parse(text);
