// The X.509 library, set up once: it wants its reflection polyfill loaded first and a crypto provider named. Only what issues
// certificates imports this file; it costs 170 ms, so what only checks them (verify.ts) must not.

import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import * as x509 from '@peculiar/x509';

x509.cryptoProvider.set(webcrypto);

export { x509 };

export const KEY_ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256' } as const;
export const SIGNING_ALGORITHM = { name: 'ECDSA', hash: 'SHA-256' } as const;

/** The library writes PEM without a line break at its end. */
export const pemFile = (text: string): string => `${text.trimEnd()}\n`;
