// The secure context of a client, one for all who show the same pair and trust the same authorities: making one reads the key and every
// certificate again. Nothing is kept longer than somebody uses it (a source, a connection), so that a key that was replaced goes with
// the last connection that was made with it.

import { createSecureContext, type SecureContext } from 'node:tls';
import { contentName } from './content-name.ts';
import type { TlsMaterial } from './material.ts';

const made = new Map<string, WeakRef<SecureContext>>();
const collected = new FinalizationRegistry<string>((name) => {
  if (made.get(name)?.deref() === undefined) made.delete(name);
});

/** Throws where the material cannot be used. Without authorities nobody is trusted, not even those whom the system trusts. */
export function clientContext({ ca, certificate, key }: TlsMaterial): SecureContext {
  const authorities = ca.replace(BLANK_LINES, '\n').trim();
  const name = contentName(authorities, certificate, key);
  const known = made.get(name)?.deref();
  if (known !== undefined) return known;
  const context = createSecureContext({ ca: authorities === '' ? [] : authorities, cert: certificate, key });
  made.set(name, new WeakRef(context));
  collected.register(context, name);
  return context;
}

/** Texts of authorities are put together in more than one way. */
const BLANK_LINES = /\n\s*\n/g;
