// Small shapes that several documents share. Lists are read-only, as everywhere in the domain, so that inferred types and the
// types of mesh/ are each other's.

import { z } from 'zod';
import type { Json } from '../../../mesh/conflict/finding.ts';

export const list = <T extends z.ZodType>(item: T) => z.array(item).readonly();

export const count = z.number().int().nonnegative();

export const instant = z.iso.datetime().meta({ description: 'RFC 3339, UTC' });

/** What came out of a JSON text is JSON: there is nothing left to check. */
export const json = z.unknown() as z.ZodType as z.ZodType<Json>;

export const schemaVersion = z.literal(1).meta({ description: 'Fields are only added while this stays' });
