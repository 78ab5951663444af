// The one line that an administrator hands to another. STABLE. It says who invites, where to come, which keys to expect there, until when,
// and carries a secret that is good for one join. Binary inside, so that it is short; a checksum tells a slip of the
// clipboard from a lie. Pure: what is judged here is the form only.
//
//   cm1.<base64url of: version, name, id, peer, invitation, secret, expiry, endpoints, pins, checksum>

import { createHash } from 'node:crypto';
import { type ClusterName, parseClusterName } from '../../mesh/model/names.ts';
import { err, ok, type Result } from '../../mesh/model/result.ts';

export interface JoinToken {
  /** Who invites. */
  readonly cluster: ClusterName;
  readonly clusterId: number;
  /** Who is invited, and nobody else. */
  readonly peer: ClusterName;
  /** Names the invitation at the inviting cluster; not secret. */
  readonly invitation: Uint8Array;
  readonly secret: Uint8Array;
  /** Milliseconds since the epoch, whole seconds, by the inviter's clock. */
  readonly expiresAt: number;
  /** `host:port` of join listeners. */
  readonly endpoints: readonly string[];
  /** `sha256/BASE64` of the keys of the inviter's authorities. */
  readonly pins: readonly string[];
}

export const INVITATION_BYTES = 8;
/** 128 bits: nobody guesses it, online or from what is stored. */
export const SECRET_BYTES = 16;
const VERSION = 1;
const PREFIX = 'cm';
const PIN_BYTES = 32;
const PIN_PREFIX = 'sha256/';
const CHECKSUM_BYTES = 6;
/** A few replicas by name and by address; a few authorities during a rotation. More would not fit on a line. */
export const ENDPOINTS_MAX = 8;
export const PINS_MAX = 8;
const TOKEN_LENGTH_MAX = 3_072;
const ENDPOINT = /^(\[[0-9a-fA-F:.]{2,45}\]|[A-Za-z0-9]([-A-Za-z0-9.]{0,251}[A-Za-z0-9])?):([1-9][0-9]{0,4})$/;

export const isEndpoint = (text: string): boolean => {
  const match = ENDPOINT.exec(text);
  return match !== null && text.length <= 255 && Number(match[3]) <= 65_535;
};

export const encodeToken = (token: JoinToken): string => {
  const body = tokenBody(token);
  return `${PREFIX}${VERSION}.${Buffer.concat([body, checksum(body)]).toString('base64url')}`;
};

/** What two administrators compare by voice stands for this: everything but the secret. */
export const publicPart = (token: JoinToken): Uint8Array =>
  tokenBody({ ...token, secret: new Uint8Array(SECRET_BYTES) });

export function parseToken(text: string): Result<JoinToken, string> {
  const trimmed = text.trim();
  if (trimmed.length > TOKEN_LENGTH_MAX) return err('too long for a token');
  const match = /^cm(\d{1,3})\.([A-Za-z0-9_-]+)$/.exec(trimmed);
  if (match === null) return err('not of the form cm1.…: copy the whole line, without spaces in it');
  const [, version, encoded = ''] = match;
  if (version !== String(VERSION)) return err(`of version ${version}, and this program reads version ${VERSION}`);
  const bytes = Buffer.from(encoded, 'base64url');
  const body = bytes.subarray(0, -CHECKSUM_BYTES);
  if (bytes.length <= CHECKSUM_BYTES || !checksum(body).equals(bytes.subarray(-CHECKSUM_BYTES))) {
    return err('damaged: its checksum does not fit, a character was changed or is missing');
  }
  const token = readBody(new Reader(body));
  // One token has one text: what encodes to something else was not written by `encodeToken`.
  if (token === undefined || encodeToken(token) !== trimmed) return err('damaged: its parts do not fit together');
  return ok(token);
}

const checksum = (body: Uint8Array): Buffer =>
  createHash('sha256').update('clustermesh join token').update(body).digest().subarray(0, CHECKSUM_BYTES);

function tokenBody({ cluster, clusterId, peer, invitation, secret, expiresAt, endpoints, pins }: JoinToken): Buffer {
  const numbers = Buffer.alloc(7);
  numbers.writeUInt8(VERSION, 0);
  numbers.writeUInt16BE(clusterId, 1);
  numbers.writeUInt32BE(Math.floor(expiresAt / 1000), 3);
  const pinBytes = pins.map((pin) => Buffer.from(pin.slice(PIN_PREFIX.length), 'base64'));
  return Buffer.concat([
    numbers,
    ...[cluster, peer].map(shortText),
    invitation,
    secret,
    Buffer.of(endpoints.length),
    ...endpoints.map(shortText),
    Buffer.of(pins.length),
    ...pinBytes,
  ]);
}

const shortText = (text: string): Buffer => Buffer.concat([Buffer.of(text.length), Buffer.from(text, 'latin1')]);

function readBody(reader: Reader): JoinToken | undefined {
  const [version, clusterId, seconds] = [reader.number(1), reader.number(2), reader.number(4)];
  const cluster = parseClusterName(reader.text());
  const peer = parseClusterName(reader.text());
  const [invitation, secret] = [reader.bytes(INVITATION_BYTES), reader.bytes(SECRET_BYTES)];
  const endpoints = reader.list(ENDPOINTS_MAX, () => reader.text());
  const pins = reader.list(PINS_MAX, () => `${PIN_PREFIX}${Buffer.from(reader.bytes(PIN_BYTES)).toString('base64')}`);
  const whole = reader.isAtEnd && version === VERSION && endpoints.length > 0 && pins.length > 0;
  if (!whole || !cluster.ok || !peer.ok || !endpoints.every(isEndpoint)) return undefined;
  return {
    cluster: cluster.value,
    clusterId,
    peer: peer.value,
    invitation,
    secret,
    expiresAt: seconds * 1000,
    endpoints,
    pins,
  };
}

/** Reads past the end give nothing, and are noticed at the end: no path throws. */
class Reader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get isAtEnd(): boolean {
    return this.#at === this.#bytes.length;
  }

  bytes(count: number): Uint8Array {
    const taken = this.#bytes.subarray(this.#at, this.#at + count);
    this.#at += count;
    return Uint8Array.from(taken);
  }

  number(size: number): number {
    return this.bytes(size).reduce((value, byte) => value * 256 + byte, 0);
  }

  text(): string {
    return Buffer.from(this.bytes(this.number(1))).toString('latin1');
  }

  list<T>(max: number, read: () => T): readonly T[] {
    const count = this.number(1);
    return count > max ? [] : Array.from({ length: count }, read);
  }
}
