// How often each kind of record of the played clusters changes, and what a user writes for it: `endpoints=292,nodes=26`. Pure.

export const CHURN_KINDS = ['endpoints', 'nodes', 'identities', 'services'] as const;
export type ChurnKind = (typeof CHURN_KINDS)[number];

/** Changes a second, of all clusters together. */
export type ChurnRates = Readonly<Record<ChurnKind, number>>;

/** The reference's own scale test: 325 changes a second, most of them pods that come and go, and no services among them. */
export const USUAL_RATES: ChurnRates = { endpoints: 292, nodes: 26, identities: 7, services: 0 };

/** What one process of this benchmark can put. */
const PER_SECOND_MAX = 20_000;

/** Kinds that are not named keep their usual rate; a string says what is wrong. */
export function parseRates(text: string, usual: ChurnRates): ChurnRates | string {
  const rates: Record<ChurnKind, number> = { ...usual };
  const seen = new Set<string>();
  for (const part of text.split(',')) {
    const [name = '', value = '', ...more] = part.split('=');
    const kind = CHURN_KINDS.find((known) => known === name);
    if (kind === undefined) return `${name || 'nothing'} is no kind of record: ${CHURN_KINDS.join(', ')}`;
    if (more.length > 0 || !/^\d+(\.\d+)?$/.test(value)) {
      return `${part} is not of the form ${kind}=N, N changes a second`;
    }
    if (seen.has(kind)) return `${kind} is named twice`;
    seen.add(kind);
    rates[kind] = Number(value);
  }
  if (totalRate(rates) > PER_SECOND_MAX) return `more than ${PER_SECOND_MAX} changes a second are not played`;
  return rates;
}

export const totalRate = (rates: ChurnRates): number => CHURN_KINDS.reduce((sum, kind) => sum + rates[kind], 0);

export const ratesText = (rates: ChurnRates): string =>
  CHURN_KINDS.filter((kind) => rates[kind] > 0)
    .map((kind) => `${kind} ${rates[kind]}`)
    .join(', ');
