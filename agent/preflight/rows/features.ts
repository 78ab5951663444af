// What the kernel has of all that the programs are made of, a row for each piece, and whether it takes the programs themselves.

import type { Feature, FeatureKind } from '../../datapath/index.ts';
import type { PreflightObserved } from '../observed.ts';
import { failed, judgeAttempt, PASSED, type PreflightCheck, passed, unknown, type Verdict } from '../verdict.ts';
import { judgeCapabilities } from './privileges.ts';

const KIND_TITLES: Readonly<Record<FeatureKind, string>> = {
  'program-type': 'the kernel has programs of the type',
  hook: 'the kernel calls programs at',
  'map-type': 'the kernel has maps of the type',
  helper: 'programs may call',
  command: 'bpf(2) knows the command',
};

export function judgeFeatures(observed: PreflightObserved): readonly PreflightCheck[] {
  const { features, load } = observed;
  if (features === undefined) {
    const verdict = unknown('not to be told without libbpf');
    return [{ id: 'features', title: 'the kernel has what the programs are made of', ...verdict }];
  }
  const barred = whyBarred(observed, features);
  return features.map((feature) => ({
    id: `${feature.kind}:${feature.name}`,
    title: `${KIND_TITLES[feature.kind]} ${feature.name}`,
    ...(feature.without === undefined ? {} : { optional: true as const }),
    ...(barred === undefined ? judgeFeature(feature, load?.ok === true) : unknown(barred)),
  }));
}

/** A process that may ask for nothing gets the same answer for everything. */
function whyBarred(observed: PreflightObserved, features: readonly Feature[]): string | undefined {
  if (judgeCapabilities(observed).status === 'failed') return 'not to be told without capabilities';
  const oldest = features.find(({ kind, name }) => kind === 'map-type' && name === 'HASH');
  return oldest?.available === false ? 'not to be told: this process may make no map at all' : undefined;
}

function judgeFeature({ kind, since, available, without }: Feature, taken: boolean): Verdict {
  if (available) return PASSED;
  const remedy = `use kernel ${since} or newer`;
  if (without !== undefined) return unknown(without, remedy);
  // What programs are made of is proven by the kernel taking them; commands are the agent's.
  if (taken && kind !== 'command') return passed('it denies it, and takes the programs that need it');
  return failed(`this kernel does not; it came with ${since}`, remedy);
}

export function judgeLoad(observed: PreflightObserved): PreflightCheck {
  const row = { id: 'load', title: 'the kernel takes the programs' };
  const { load } = observed;
  if (load === undefined) return { ...row, ...unknown('not tried without libbpf') };
  if (!load.ok && judgeCapabilities(observed).status === 'failed')
    return { ...row, ...unknown('not to be told without capabilities') };
  return { ...row, ...judgeAttempt(load, 'use kernel 5.9 or newer') };
}
