// Reads the text that programs answer at /metrics, as far as this benchmark needs it: samples of gauges by name. Pure.

export interface MetricSample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export function metricSamples(text: string, name: string): readonly MetricSample[] {
  const samples: MetricSample[] = [];
  for (const line of text.split('\n')) {
    if (!line.startsWith(name)) continue;
    const match = /^(?:\{(.*)\})? (\S+)$/.exec(line.slice(name.length));
    if (match === null) continue;
    const labels: Record<string, string> = {};
    for (const [, label = '', value = ''] of (match[1] ?? '').matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g))
      labels[label] = value;
    samples.push({ labels, value: Number(match[2]) });
  }
  return samples;
}
