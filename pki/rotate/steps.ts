// What each phase of a rotation does, as steps that are carried out in order (carry-out.ts) or only shown. Every order is chosen so
// that a crash between two steps leaves a folder that serves, and that the same phase completes when it is run again. Pure.

import { OperationalError } from '../../runtime/errors.ts';
import { certificatesOf } from '../../runtime/tls/pem.ts';
import type { StoredAuthority } from '../authority-files.ts';
import { anchorsIn, pemOf } from '../bundles/anchors.ts';
import { leafOwner, type StandingLeaf } from '../renew/standing.ts';
import { pathOf, type Rotation } from './rotation.ts';

export type RotationStep =
  /** A private key, never over another. */
  | { readonly do: 'create'; readonly path: string; readonly text: string; readonly why: string }
  | { readonly do: 'publish'; readonly path: string; readonly text: string; readonly why: string }
  | { readonly do: 'move'; readonly from: string; readonly path: string; readonly why: string }
  | { readonly do: 'remove'; readonly path: string; readonly why: string }
  | { readonly do: 'reissue'; readonly leaf: StandingLeaf; readonly path: string; readonly why: string };

/** `next`: with the key that stands already, where one does. */
export function prepareSteps(rotation: Rotation, next: StoredAuthority): readonly RotationStep[] {
  const { phase, layout, stored } = rotation;
  if (phase === 'prepared') return [];
  if (phase === 'activated') {
    throw outOfOrder(rotation, 'the authority before is not retired yet', 'retire it first: --retire');
  }
  const key: RotationStep = {
    do: 'create',
    path: layout.rotation.nextKey,
    text: next.authority.key,
    why: 'the key of the next authority',
  };
  return [
    // The key first: a certificate whose key is lost would be trusted for nothing.
    ...(phase === 'begun' ? [] : [key]),
    {
      do: 'publish',
      path: layout.authority.cert,
      text: [...new Set([...anchorsIn(stored.bundle), ...anchorsIn(next.bundle)])].join(''),
      why: 'the next authority beside the one that signs',
    },
  ];
}

export function activateSteps(rotation: Rotation): readonly RotationStep[] {
  const { phase, layout, stored, previousKey, leaves, behind } = rotation;
  const { nextKey, previousKey: previousPath } = layout.rotation;
  if (phase === 'activated') return behind.map(reissued);
  if (phase !== 'prepared') {
    throw outOfOrder(rotation, 'no other authority has been prepared', 'prepare one first: --prepare');
  }
  const { key } = stored.authority;
  const keep: RotationStep = {
    do: 'create',
    path: previousPath,
    text: key,
    why: 'the key that signed until now, in case it is needed again',
  };
  const leftOver: RotationStep = { do: 'remove', path: previousPath, why: 'left over from the rotation before' };
  return [
    ...(previousKey === undefined ? [keep] : previousKey === key ? [] : [leftOver, keep]),
    { do: 'move', from: nextKey, path: layout.authority.key, why: 'the next authority signs from now on' },
    ...leaves.filter(({ certificate }) => certificate !== undefined).map(reissued),
  ];
}

/** `force`: also while leaves of the old authority are in use. */
export function retireSteps(rotation: Rotation, { force }: { readonly force: boolean }): readonly RotationStep[] {
  const { phase, layout, stored, previousKey, behind } = rotation;
  if (phase === 'begun' || phase === 'prepared') {
    throw outOfOrder(rotation, 'the next authority does not sign yet', 'activate it first: --activate');
  }
  if (behind.length > 0 && !force) {
    const which = behind.map(({ place }) => leafOwner(place)).join(', ');
    throw outOfOrder(rotation, `the old authority has signed what is in use: ${which}`, 'finish with --activate first');
  }
  const certificates = certificatesOf(stored.bundle);
  const path = pathOf(stored.authority, certificates);
  const text = certificates.filter(({ fingerprint256 }) => path.includes(fingerprint256)).map(pemOf);
  return [
    ...(phase === 'settled'
      ? []
      : [
          {
            do: 'publish' as const,
            path: layout.authority.cert,
            text: text.join(''),
            why: 'without the old authority',
          },
        ]),
    ...(previousKey === undefined
      ? []
      : [{ do: 'remove' as const, path: layout.rotation.previousKey, why: 'it signs nothing any more' }]),
  ];
}

const reissued = (leaf: StandingLeaf): RotationStep => ({
  do: 'reissue',
  leaf,
  path: leaf.place.paths.cert,
  why: `${leafOwner(leaf.place)}, signed by the next authority`,
});

function outOfOrder({ layout }: Rotation, reason: string, hint: string): OperationalError {
  return new OperationalError({
    code: 'ROTATE_PHASE',
    operation: 'replace certificate authority',
    subject: layout.authority.cert,
    reason,
    hint,
  });
}
