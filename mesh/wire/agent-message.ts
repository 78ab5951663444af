// STABLE: what an agent says to a mesh API server (mesh.proto): one hello, then acknowledgements. Reading is strict and bounded:
// a server listens to many agents, and what they say ends in status pages and metrics.

import { isDnsSubdomain, parseServiceKey } from '../model/names.ts';
import { err, ok, type Result } from '../model/result.ts';
import type { AckReport, RefusedService } from '../snapshot/ack.ts';
import type { Position } from '../snapshot/snapshot.ts';
import { type AgentTrust, agentTrustMessage, parseAgentTrust } from './agent-trust.ts';
import { clustermesh } from './gen/mesh.js';
import { parsePosition, positionMessage } from './mesh-values.ts';

/** Raised when an older side could misread a newer one; added fields do not raise it. */
export const MESH_PROTOCOL = 1;
/** Refusals carried in one acknowledgement; the total is carried beside them. */
export const REFUSALS_MAX = 100;
/** Longer texts are cut: a reason is one sentence, a version is a few words. */
const REASON_LENGTH_MAX = 500;
const TEXT_LENGTH_MAX = 64;

export interface Hello {
  readonly node: string;
  readonly software: string;
  readonly protocol: number;
  /** What the agent holds; absent when that is nothing. */
  readonly resume: Position | undefined;
  /** A step did not fit what the agent holds: it wants everything, though nothing older. */
  readonly startOver: boolean;
  /** Absent from agents of before. */
  readonly trust?: AgentTrust | undefined;
}

/** A report as it arrives: with the number of all refusals, of which `refused` has the first. */
export interface Ack extends AckReport {
  readonly refusedTotal: number;
  /** Absent: as it was said before. */
  readonly trust: AgentTrust | undefined;
}

export type AgentMessage =
  | { readonly type: 'hello'; readonly hello: Hello }
  | { readonly type: 'ack'; readonly ack: Ack };

const encode = (message: clustermesh.v1.AgentMessage.$Properties): Uint8Array =>
  clustermesh.v1.AgentMessage.encode(message).finish();

export function encodeHello({ node, software, protocol, resume, startOver, trust }: Hello): Uint8Array {
  const position = resume === undefined ? {} : { resume: positionMessage(resume) };
  return encode({ hello: { node, software, protocol, startOver, ...position, ...saidTrust(trust) } });
}

/** `trust`: where it is another than was said before. */
export function encodeAck(ack: AckReport, trust?: AgentTrust): Uint8Array {
  const refused = ack.refused.slice(0, REFUSALS_MAX).map(({ service, code, reason }) => ({
    service,
    code: code.slice(0, TEXT_LENGTH_MAX),
    reason: reason.slice(0, REASON_LENGTH_MAX),
  }));
  return encode({
    ack: {
      position: positionMessage(ack.position),
      services: ack.services,
      backends: ack.backends,
      refused,
      refusedTotal: ack.refused.length,
      reconcileMicros: Math.min(Math.round(ack.reconcileMicros), 0xffff_ffff),
      datapath: ack.datapath,
      ...saidTrust(trust),
    },
  });
}

const saidTrust = (trust: AgentTrust | undefined) => (trust === undefined ? {} : { trust: agentTrustMessage(trust) });

export function parseAgentMessage(bytes: Uint8Array): Result<AgentMessage, string> {
  let message: clustermesh.v1.AgentMessage;
  try {
    message = clustermesh.v1.AgentMessage.decode(bytes);
  } catch (error) {
    return err(`not an agent message: ${error instanceof Error ? error.message : String(error)}`);
  }
  if (message.hello) return parseHello(message.hello);
  if (message.ack) return parseAck(message.ack);
  return err('a message of an unknown kind');
}

function parseHello(message: clustermesh.v1.Hello.$Properties): Result<AgentMessage, string> {
  const node = message.node ?? '';
  if (!isDnsSubdomain(node)) return err('hello: node is not an RFC 1123 subdomain');
  const protocol = message.protocol ?? 0;
  if (protocol < 1) return err('hello: no protocol');
  const resume = message.resume ? parsePosition(message.resume) : undefined;
  if (resume !== undefined && !resume.ok) return err(`hello: ${resume.error}`);
  const software = (message.software ?? '').slice(0, TEXT_LENGTH_MAX);
  const startOver = message.startOver === true;
  const trust = parseAgentTrust(message.trust);
  return ok({ type: 'hello', hello: { node, software, protocol, resume: resume?.value, startOver, trust } });
}

function parseAck(message: clustermesh.v1.Ack.$Properties): Result<AgentMessage, string> {
  const position = parsePosition(message.position);
  if (!position.ok) return err(`ack: ${position.error}`);
  const { datapath } = message;
  if (datapath !== 'ebpf' && datapath !== 'memory') return err('ack: unknown datapath');
  const messages = message.refused ?? [];
  if (messages.length > REFUSALS_MAX) return err(`ack: more than ${REFUSALS_MAX} refusals`);
  const refused: RefusedService[] = [];
  for (const { service, code, reason } of messages) {
    const key = parseServiceKey(service ?? '');
    if (!key.ok) return err(`ack: service key ${key.error}`);
    refused.push({
      service: key.value,
      code: (code ?? '').slice(0, TEXT_LENGTH_MAX),
      reason: (reason ?? '').slice(0, REASON_LENGTH_MAX),
    });
  }
  const ack: Ack = {
    position: position.value,
    services: message.services ?? 0,
    backends: message.backends ?? 0,
    refused,
    refusedTotal: Math.max(message.refusedTotal ?? 0, refused.length),
    reconcileMicros: message.reconcileMicros ?? 0,
    datapath,
    trust: parseAgentTrust(message.trust),
  };
  return ok({ type: 'ack', ack });
}
