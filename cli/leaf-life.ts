// How long a certificate lives, as people write it: `24h`, `90d`.

import { InvalidArgumentError, Option } from 'commander';

export const HOUR_MS = 3_600_000;
/** Below, a renewal that fails twice could not be noticed in time; above, a stolen key is of use for too long. */
const LIFE_MS_MIN = HOUR_MS;
const LIFE_MS_MAX = 398 * 24 * HOUR_MS;

export const leafLifeOption = (): Option =>
  new Option(
    '--leaf-life <duration>',
    'how long certificates live that are issued now and later, such as 24h or 90d (default: as before, 24h at first)',
  ).argParser(parseLife);

/** What to do where no renewer runs on this machine. */
export const renewalAdvice = (dir: string, lifeMs: number): string =>
  `certificates live ${lifeText(lifeMs)}, and nothing on this machine renews them. Keep one of these running where the authority is:
  clustermesh trust renew --watch --dir ${dir}`;

/** As it would be written. */
const lifeText = (ms: number): string =>
  ms % (24 * HOUR_MS) === 0 && ms > 24 * HOUR_MS ? `${ms / (24 * HOUR_MS)}d` : `${Math.round(ms / HOUR_MS)}h`;

export function parseLife(text: string): number {
  const [, count, unit] = /^([1-9]\d{0,4})([hd])$/.exec(text) ?? [];
  const ms = Number(count) * (unit === 'd' ? 24 : 1) * HOUR_MS;
  if (count === undefined || ms < LIFE_MS_MIN || ms > LIFE_MS_MAX) {
    throw new InvalidArgumentError('from 1h to 398d.');
  }
  return ms;
}
