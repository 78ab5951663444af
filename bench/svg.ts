// Draws lines as an SVG that stands for itself: what the benchmarks put beside their documents. It brings its own ground, so that it
// reads the same on a light and on a dark page. Text in, text out; it knows nothing of what is drawn.

import { type Axis, axisOf, type Scale } from './svg-axis.ts';

export interface Line {
  readonly name: string;
  readonly points: readonly (readonly [x: number, y: number])[];
}

/** A part of the x axis with a name of its own. */
export interface Band {
  readonly name: string;
  readonly from: number;
  readonly to: number;
}

export interface Plot {
  readonly title: string;
  /** With the unit, as `y`. */
  readonly x: string;
  readonly y: string;
  /** @default logarithmic, whole powers of ten */
  readonly xScale?: Scale;
  readonly yScale?: Scale;
  readonly lines: readonly Line[];
  readonly bands?: readonly Band[];
}

const WIDTH = 720;
const HEIGHT = 420;
const MARGIN = { left: 84, right: 170, top: 40, bottom: 50 };
const RIGHT = WIDTH - MARGIN.right;
const BOTTOM = HEIGHT - MARGIN.bottom;
/** Told apart also by those who see few colours: each line is named at its end as well, and beyond these they are dashed. */
const COLOURS = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#b07700', '#3a9bd1'];
const NAME_HEIGHT = 15;
const LOGARITHMIC: Scale = { type: 'log' };

export function drawPlot({ title, x, y, lines, xScale = LOGARITHMIC, yScale = LOGARITHMIC, bands = [] }: Plot): string {
  const all = lines.flatMap(({ points }) => points);
  const place = { from: MARGIN.left, to: RIGHT };
  const across = axisOf(
    xScale,
    all.map(([at]) => at),
    place,
  );
  const up = axisOf(
    yScale,
    all.map(([, at]) => at),
    { from: BOTTOM, to: MARGIN.top },
  );
  const parts = [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="12" fill="#222">`,
    `<title>${escaped(title)}</title>`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="white"/>`,
    ...bands.flatMap((band, index) => drawBand(band, index, across)),
    text(MARGIN.left, 24, title, 'font-size="15"'),
    text((MARGIN.left + RIGHT) / 2, HEIGHT - 12, x, 'text-anchor="middle"'),
    text(
      16,
      (MARGIN.top + BOTTOM) / 2,
      y,
      `text-anchor="middle" transform="rotate(-90 16 ${(MARGIN.top + BOTTOM) / 2})"`,
    ),
    ...across.ticks.flatMap(({ at, label }) => [
      `<line x1="${across.place(at)}" y1="${MARGIN.top}" x2="${across.place(at)}" y2="${BOTTOM}" stroke="#ddd"/>`,
      text(across.place(at), BOTTOM + 18, label, 'text-anchor="middle"'),
    ]),
    ...up.ticks.flatMap(({ at, label }) => [
      `<line x1="${MARGIN.left}" y1="${up.place(at)}" x2="${RIGHT}" y2="${up.place(at)}" stroke="#ddd"/>`,
      text(MARGIN.left - 8, up.place(at) + 4, label, 'text-anchor="end"'),
    ]),
    ...namePlaces(lines, up).flatMap(([line, at], index) => drawLine(line, index, at, across, up)),
    '</svg>',
  ];
  return `${parts.join('\n')}\n`;
}

function drawLine({ name, points }: Line, index: number, nameAt: number, across: Axis, up: Axis): readonly string[] {
  const colour = COLOURS[index % COLOURS.length] ?? 'black';
  const dashes = index < COLOURS.length ? '' : ' stroke-dasharray="5 3"';
  const places = points.map(([x, y]) => [across.place(x), up.place(y)] as const);
  const path = withoutSurplus(places).map((place) => place.join(','));
  return [
    `<polyline points="${path.join(' ')}" fill="none" stroke="${colour}" stroke-width="2" stroke-linejoin="round"${dashes}/>`,
    `<line x1="${RIGHT + 6}" y1="${nameAt - 4}" x2="${RIGHT + 20}" y2="${nameAt - 4}" stroke="${colour}" stroke-width="2"${dashes}/>`,
    text(RIGHT + 25, nameAt, name, `fill="${colour}"`),
  ];
}

/** A name that is wider than its part stands upright, or not at all. */
function drawBand({ name, from, to }: Band, index: number, across: Axis): readonly string[] {
  const [left, right] = [across.place(from), across.place(to)];
  const width = right - left;
  const ground = `<rect x="${left}" y="${MARGIN.top}" width="${width}" height="${BOTTOM - MARGIN.top}" fill="${index % 2 === 0 ? '#f4f4f4' : '#ececec'}"/>`;
  const [middle, style] = [(left + right) / 2, 'font-size="10" fill="#666"'];
  if (width >= 6 * name.length) return [ground, text(middle, MARGIN.top + 12, name, `text-anchor="middle" ${style}`)];
  if (width < 10) return [ground];
  return [
    ground,
    text(
      middle + 3,
      MARGIN.top + 4,
      name,
      `text-anchor="end" ${style} transform="rotate(-90 ${middle + 3} ${MARGIN.top + 4})"`,
    ),
  ];
}

/** Without points that no eye would miss: the middle ones of a level stretch. */
function withoutSurplus(places: readonly (readonly [number, number])[]): readonly (readonly [number, number])[] {
  return places.filter(([, y], at) => {
    const [before, after] = [places[at - 1], places[at + 1]];
    return before === undefined || after === undefined || before[1] !== y || after[1] !== y;
  });
}

/** Where each line's name stands: beside its last point, a line's height apart from the others, and not below the plot. */
function namePlaces(lines: readonly Line[], up: Axis): readonly (readonly [Line, number])[] {
  const wanted = lines
    .map((line, index) => ({ index, at: up.place(line.points.at(-1)?.[1] ?? 0) + 4 }))
    .sort((a, b) => a.at - b.at);
  let above = 0;
  const pushedDown = wanted.map(({ index, at }) => {
    above = Math.max(at, above + NAME_HEIGHT);
    return { index, at: above };
  });
  const places = new Map<number, number>();
  let below = BOTTOM + NAME_HEIGHT;
  for (const { index, at } of pushedDown.reverse()) {
    below = Math.min(at, below - NAME_HEIGHT);
    places.set(index, below);
  }
  return lines.map((line, index) => [line, places.get(index) ?? 0]);
}

const text = (x: number, y: number, content: string, attributes = ''): string =>
  `<text x="${x}" y="${y}" ${attributes}>${escaped(content)}</text>`;

const escaped = (content: string): string => content.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
