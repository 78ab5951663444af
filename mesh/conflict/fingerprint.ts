// The stable name of a finding: the same conflict has the same fingerprint on every cluster, in every run and whoever wins,
// so that tools can recognise it. STABLE: operators name findings by it (`release FINGERPRINT`), and quarantine stores it.
// No security rests on it: it names, it does not prove.

/** Sixteen hexadecimal digits: two FNV-1a sums of 32 bits from different starts. */
export function fingerprint(parts: readonly string[]): string {
  let low = 0x811c9dc5;
  let high = 0xcbf29ce4;
  for (const part of parts) {
    for (let at = 0; at < part.length; at += 1) {
      const unit = part.charCodeAt(at);
      low = Math.imul(low ^ unit, 0x01000193);
      high = Math.imul(high ^ unit ^ (low >>> 24), 0x01000193);
    }
    // A separator that no name, key or address contains, so that parts cannot run into each other.
    low = Math.imul(low ^ 0xffff, 0x01000193);
    high = Math.imul(high ^ 0xffff, 0x01000193);
  }
  return hex(high) + hex(low);
}

const hex = (sum: number) => (sum >>> 0).toString(16).padStart(8, '0');
