// A manifest file as its documents, and one document as values with the places where they stand. Documents are parsed one by
// one, so that a change of one of them costs only that one. Never throws, whatever the text is.

import { type Document, isNode, LineCounter, type ParsedNode, parseAllDocuments } from 'yaml';
import type { FieldPath } from './fields.ts';

/** A part of a file that is parsed by itself. */
export interface Segment {
  readonly text: string;
  /** How many lines of the file are before it. */
  readonly linesBefore: number;
}

/** Counted from 1, within the segment. */
export interface Place {
  readonly line: number;
  readonly column: number;
}

export interface PlacedDocument {
  readonly value: unknown;
  readonly placeOf: (path: FieldPath) => Place;
}

export interface SyntaxProblem extends Place {
  readonly reason: string;
  readonly hint?: string;
}

export interface ParsedSegment {
  readonly documents: readonly PlacedDocument[];
  readonly problems: readonly SyntaxProblem[];
}

/** A document blocks the process for about a second per MiB while it is parsed. 20,000 endpoints fit. */
const SEGMENT_LENGTH_MAX = 2 * 1024 * 1024;
/** A few aliases spare repetition; nested ones multiply, and a kilobyte could stand for gigabytes. */
const ALIASES_MAX = 100;
/** Keys are texts, as in JSON; `<<` merges, as kubectl reads it; nothing is written to the process's own log. */
const YAML_OPTIONS = { stringKeys: true, merge: true, prettyErrors: false, logLevel: 'error' } as const;
const START: Place = { line: 1, column: 1 };

/**
 * Cuts at document markers, which are markers wherever a line starts with them, block texts included. A file with directives
 * (`%YAML`) stays whole, because they belong to the document behind them.
 */
export function splitDocuments(text: string): readonly Segment[] {
  if (/^%/m.test(text)) return [{ text, linesBefore: 0 }];
  const segments: Segment[] = [];
  let linesBefore = 0;
  for (const part of text.split(/^(?=---(?:\s|$))/m)) {
    if (part.trim() !== '') segments.push({ text: part, linesBefore });
    linesBefore += part.split('\n').length - 1;
  }
  return segments;
}

export function parseSegment(text: string): ParsedSegment {
  if (text.length > SEGMENT_LENGTH_MAX) {
    const reason = `the document has more than ${SEGMENT_LENGTH_MAX} characters`;
    return { documents: [], problems: [{ ...START, reason, hint: 'split it into several documents' }] };
  }
  try {
    return readDocuments(text);
  } catch (error) {
    // The parser is recursive: text that is nested deeply enough exhausts the stack.
    const reason = `cannot be parsed: ${error instanceof Error ? error.message : String(error)}`;
    return { documents: [], problems: [{ ...START, reason }] };
  }
}

function readDocuments(text: string): ParsedSegment {
  const lines = new LineCounter();
  const parsed = parseAllDocuments(text, { ...YAML_OPTIONS, lineCounter: lines });
  const documents: PlacedDocument[] = [];
  const problems: SyntaxProblem[] = [];
  for (const document of Array.isArray(parsed) ? parsed : []) {
    // The others mostly follow from the first.
    const [error] = document.errors;
    if (error !== undefined) {
      problems.push({ ...place(lines, error.pos[0]), reason: oneLine(error.message) });
      continue;
    }
    const value = expanded(document);
    if (value === null) continue;
    if (value === TOO_MANY_ALIASES) {
      const reason = `more than ${ALIASES_MAX} values by alias`;
      problems.push({ ...placeOfNode(document, lines, []), reason, hint: 'write them out' });
    } else documents.push({ value, placeOf: (path) => placeOfNode(document, lines, path) });
  }
  return { documents, problems };
}

const TOO_MANY_ALIASES = Symbol('too many aliases');

function expanded(document: Document.Parsed): unknown {
  try {
    return document.toJS({ maxAliasCount: ALIASES_MAX });
  } catch (error) {
    if (error instanceof ReferenceError) return TOO_MANY_ALIASES;
    throw error;
  }
}

/** Of the value, or of the nearest map or list around it when it is not there. */
function placeOfNode(document: Document.Parsed, lines: LineCounter, path: FieldPath): Place {
  for (let length = path.length; length > 0; length -= 1) {
    const node: unknown = document.getIn(path.slice(0, length), true);
    if (isNode(node) && node.range) return place(lines, node.range[0]);
  }
  const { contents }: { contents: ParsedNode | null } = document;
  return contents?.range ? place(lines, contents.range[0]) : START;
}

function place(lines: LineCounter, offset: number): Place {
  const { line, col } = lines.linePos(offset);
  return { line: Math.max(1, line), column: Math.max(1, col) };
}

const oneLine = (text: string): string => text.replace(/\s+/g, ' ').trim();
