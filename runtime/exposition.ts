// The text in which Prometheus reads gauges (exposition format 0.0.4), made in one go from what is given. What a client library keeps
// of each sample between two scrapes costs more than all of the text, where there are hundreds of peers. Pure.

export type Labels = Readonly<Record<string, string>>;
export type Sample = readonly [labels: Labels, value: number];

/** One family. A gauge without labels is one sample without labels. */
export function gaugeText(name: string, help: string, samples: Iterable<Sample>): string {
  let text = `# HELP ${name} ${help}\n# TYPE ${name} gauge\n`;
  for (const [labels, value] of samples) text += `${name}${labelText(labels)} ${valueText(value)}\n`;
  return text;
}

/** How many there are of each: one sample for each set of labels, in the order in which they come first. */
export function counted(amounts: Iterable<Sample>): readonly Sample[] {
  const sums = new Map<string, Sample>();
  for (const [labels, amount] of amounts) {
    const text = labelText(labels);
    sums.set(text, [labels, (sums.get(text)?.[1] ?? 0) + amount]);
  }
  return [...sums.values()];
}

function labelText(labels: Labels): string {
  let text = '';
  for (const name in labels) text += `${text === '' ? '{' : ','}${name}="${escaped(labels[name] ?? '')}"`;
  return text === '' ? '' : `${text}}`;
}

/** Names of clusters and nodes hold nothing of it, and few others do. */
const SPECIAL = /[\\"\n]/;

const escaped = (text: string): string =>
  SPECIAL.test(text) ? text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n') : text;

const valueText = (value: number): string =>
  value === Number.POSITIVE_INFINITY ? '+Inf' : value === Number.NEGATIVE_INFINITY ? '-Inf' : String(value);
