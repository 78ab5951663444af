// One event as the programs write it, read. STABLE with struct traffic_event in bpf/include/traffic.h. Never throws: what cannot
// be read is an error with its reason, and the reader goes on with the next.

import type { Family } from '../../mesh/model/address.ts';
import type { IpAddress } from '../../mesh/model/names.ts';
import { err, ok, type Result } from '../../mesh/model/result.ts';
import type { MapProtocol } from '../desired/names.ts';
import { address, byte, host16, host32, network16 } from '../maps/bytes.ts';
import { TRAFFIC_EVENT } from '../maps/structs.ts';
import { REFUSAL_CAUSES, type RefusalCause } from './port.ts';

export interface TrafficEvent {
  /** On the kernel's monotonic clock. */
  readonly timeNs: bigint;
  /** The process that called; the command is what it calls itself. */
  readonly client: {
    readonly pid: number;
    readonly command: string;
    readonly cgroupId: bigint;
    readonly socketCookie: bigint;
  };
  readonly protocol: MapProtocol;
  readonly service: { readonly address: IpAddress; readonly port: number; readonly id: number };
  readonly outcome:
    | { readonly backend: { readonly address: IpAddress; readonly port: number; readonly clusterId: number } }
    | { readonly refused: RefusalCause };
}

const PROTOCOLS: Readonly<Record<number, MapProtocol>> = { 6: 'TCP', 17: 'UDP' };
const COMMAND_BYTES = 16;

export function parseEvent(bytes: Uint8Array): Result<TrafficEvent, string> {
  if (bytes.length !== TRAFFIC_EVENT.size) return err(`${bytes.length} bytes instead of ${TRAFFIC_EVENT.size}`);
  const at = TRAFFIC_EVENT.offsets;
  const family = familyOf(byte(bytes, at.family));
  if (family === undefined) return err(`family ${byte(bytes, at.family)}`);
  const protocol = PROTOCOLS[byte(bytes, at.protocol)];
  if (protocol === undefined) return err(`protocol ${byte(bytes, at.protocol)}`);
  const service = address(bytes, at.service_address, family);
  const backend = address(bytes, at.backend_address, family);
  if (service === undefined || backend === undefined) return err('an IPv4 address in an IPv6 event');
  const cause = byte(bytes, at.cause);
  const refused = cause === 0 ? undefined : REFUSAL_CAUSES[cause - 1];
  if (cause !== 0 && refused === undefined) return err(`cause ${cause}`);
  const words = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return ok({
    timeNs: words.getBigUint64(at.time_ns, true),
    client: {
      pid: host32(bytes, at.pid),
      command: commandOf(bytes.subarray(at.command, at.command + COMMAND_BYTES)),
      cgroupId: words.getBigUint64(at.cgroup_id, true),
      socketCookie: words.getBigUint64(at.cookie, true),
    },
    protocol,
    service: { address: service, port: network16(bytes, at.service_port), id: network16(bytes, at.rev_nat_id) },
    outcome:
      refused === undefined
        ? {
            backend: {
              address: backend,
              port: network16(bytes, at.backend_port),
              clusterId: host16(bytes, at.cluster_id),
            },
          }
        : { refused },
  });
}

const familyOf = (number: number): Family | undefined => (number === 4 || number === 6 ? number : undefined);

/** A process may call itself anything: what would move a terminal's cursor, or is no UTF-8, is shown as a dot or a mark. */
function commandOf(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  const text = Buffer.from(bytes.subarray(0, end < 0 ? COMMAND_BYTES : end)).toString('utf8');
  return text.replace(/[\p{Cc}\p{Cf}]/gu, '.');
}
