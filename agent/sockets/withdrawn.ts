// Whether a backend still stands behind the service that a socket dialled. It does while a slot in the maps leads to it, and
// while the service as it is desired has it, programmed or not: a terminating backend, or one of a service that does not fit
// the maps, keeps its sockets. Pure; what it has looked up of a frontend counts for one sweep.

import type { DesiredFrontend } from '../desired/frontend.ts';
import { type FrontendName, frontendName, placeName } from '../desired/names.ts';
import type { MapImage } from '../reconcile/image.ts';
import type { SocketPlace, SocketProtocol } from './port.ts';

/** What the maps hold, and what is desired, at one moment. */
export interface Standing {
  readonly image: Pick<MapImage, 'at' | 'backend'>;
  /** As the frontend's service wants it, whether it is programmed or not. */
  readonly wanted: (name: FrontendName) => DesiredFrontend | undefined;
}

export type IsWithdrawn = (protocol: SocketProtocol, service: SocketPlace, backend: SocketPlace) => boolean;

export function withdrawals(standing: Standing): IsWithdrawn {
  const known = new Map<FrontendName, ReadonlySet<string>>();
  return (protocol, service, backend) => {
    const name = frontendName({ ...service, protocol });
    let behind = known.get(name);
    if (behind === undefined) {
      behind = new Set(placesBehind(name, standing));
      known.set(name, behind);
    }
    return !behind.has(placeName(backend));
  };
}

function* placesBehind(name: FrontendName, { image, wanted }: Standing): Iterable<string> {
  for (const backend of wanted(name)?.backends ?? []) yield placeName(backend);
  for (const { backendId } of image.at(name)?.slots.values() ?? []) {
    const backend = image.backend(backendId);
    if (backend !== undefined) yield placeName(backend.target);
  }
}
