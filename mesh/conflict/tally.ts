// Counts by name, without the names that nothing is counted of.

export function countOne(counts: Map<string, number>, name: string, step: 1 | -1): void {
  const sum = (counts.get(name) ?? 0) + step;
  if (sum === 0) counts.delete(name);
  else counts.set(name, sum);
}
