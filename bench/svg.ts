// Draws lines over a logarithmic axis as an SVG that stands for itself: what the benchmarks put into docs/performance/. Text in, text
// out; it knows nothing of what is drawn.

export interface Line {
  readonly name: string;
  readonly points: readonly (readonly [x: number, y: number])[];
}

export interface Plot {
  readonly title: string;
  readonly x: string;
  readonly y: string;
  readonly lines: readonly Line[];
}

const WIDTH = 720;
const HEIGHT = 420;
const MARGIN = { left: 70, right: 170, top: 40, bottom: 50 };
/** Told apart also by those who see few colours: each line is named at its end as well. */
const COLOURS = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9'];

export function drawPlot({ title, x, y, lines }: Plot): string {
  const all = lines.flatMap(({ points }) => points);
  const across = axis(
    all.map(([at]) => at),
    MARGIN.left,
    WIDTH - MARGIN.right,
  );
  const up = axis(
    all.map(([, at]) => at),
    HEIGHT - MARGIN.bottom,
    MARGIN.top,
  );
  const bottom = HEIGHT - MARGIN.bottom;
  const parts = [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="12">`,
    `<title>${escaped(title)}</title>`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="white"/>`,
    text(MARGIN.left, 24, title, 'font-size="15"'),
    text((MARGIN.left + WIDTH - MARGIN.right) / 2, HEIGHT - 12, x, 'text-anchor="middle"'),
    text(16, HEIGHT / 2, y, `text-anchor="middle" transform="rotate(-90 16 ${HEIGHT / 2})"`),
    ...across.ticks.flatMap((at) => [
      `<line x1="${across.place(at)}" y1="${MARGIN.top}" x2="${across.place(at)}" y2="${bottom}" stroke="#ddd"/>`,
      text(across.place(at), bottom + 18, at.toLocaleString('en'), 'text-anchor="middle"'),
    ]),
    ...up.ticks.flatMap((at) => [
      `<line x1="${MARGIN.left}" y1="${up.place(at)}" x2="${WIDTH - MARGIN.right}" y2="${up.place(at)}" stroke="#ddd"/>`,
      text(MARGIN.left - 8, up.place(at) + 4, at.toLocaleString('en'), 'text-anchor="end"'),
    ]),
    ...legendPlaces(lines, up.place).flatMap(([line, at], index) => {
      const colour = COLOURS[index % COLOURS.length] ?? 'black';
      const points = line.points.map(([px, py]) => `${across.place(px)},${up.place(py)}`).join(' ');
      return [
        `<polyline points="${points}" fill="none" stroke="${colour}" stroke-width="2"/>`,
        text(WIDTH - MARGIN.right + 8, at, line.name, `fill="${colour}"`),
      ];
    }),
    '</svg>',
  ];
  return `${parts.join('\n')}\n`;
}

/** A logarithmic axis over whole powers of ten. */
function axis(values: readonly number[], from: number, to: number) {
  const low = Math.floor(Math.log10(Math.min(...values)));
  const high = Math.max(low + 1, Math.ceil(Math.log10(Math.max(...values))));
  const ticks = Array.from({ length: high - low + 1 }, (_, index) => 10 ** (low + index));
  const place = (value: number) => Math.round(from + ((Math.log10(value) - low) / (high - low)) * (to - from));
  return { ticks, place };
}

/** Where each line's name stands: beside its last point, a line's height apart from the others. */
function legendPlaces(lines: readonly Line[], place: (value: number) => number): readonly (readonly [Line, number])[] {
  const wanted = lines
    .map((line, index) => ({ index, at: place(line.points.at(-1)?.[1] ?? 1) + 4 }))
    .sort((a, b) => a.at - b.at);
  const places = new Map<number, number>();
  let above = 0;
  for (const { index, at } of wanted) {
    above = Math.max(at, above + 15);
    places.set(index, above);
  }
  return lines.map((line, index) => [line, places.get(index) ?? 0]);
}

const text = (x: number, y: number, content: string, attributes = ''): string =>
  `<text x="${x}" y="${y}" ${attributes}>${escaped(content)}</text>`;

const escaped = (content: string): string => content.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
