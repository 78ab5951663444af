// Which addresses of an HTTP server are reached from this machine alone: others want TLS, or somebody who says that they do not.

import { z } from 'zod';

/** A setting `http.listen`: `host:port` or `unix:/path`, one or several. */
export const httpListen = z.union([z.string(), z.array(z.string()).min(1)]);

interface HttpSettings {
  readonly listen: string | readonly string[];
  readonly tls?: unknown;
  readonly plain?: boolean | undefined;
}

/** `remedy`: what the program offers beside loopback, unix sockets and the setting that allows it; ends with a comma and a space. */
export const staysOnThisMachine =
  (remedy: string): z.core.CheckFn<HttpSettings> =>
  ({ value, issues }) => {
    const { listen, tls, plain = false } = value;
    const open = tls === undefined && !plain ? [listen].flat().find((address) => !staysHere(address)) : undefined;
    if (open === undefined) return;
    const message =
      `${open} is reached from other machines, and without TLS whoever reaches it reads everything: ` +
      `${remedy}listen on 127.0.0.1 or unix:/path, or allow it with http.plain: true`;
    issues.push({ code: 'custom', input: value, path: ['listen'], message });
  };

/** Names other than localhost are resolved later, and may lead anywhere. */
const staysHere = (address: string): boolean =>
  address.startsWith('unix:') || /^(127(\.\d{1,3}){3}|localhost|\[::1\]):\d+$/.test(address);
