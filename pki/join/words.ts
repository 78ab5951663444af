// A token as six words, for two people on the telephone: whoever replaced the token on its way has other words. The words stand for
// 48 bits; scrypt makes each guess at another token with the same words cost as much as a password guess.

import { scryptSync } from 'node:crypto';
import { type JoinToken, publicPart } from './token.ts';

/** STABLE. 256 words that are hard to take for each other. */
const WORDS: readonly string[] = [
  'acid acorn actor agent alarm album alley amber anchor angle ankle apple apron arrow atlas attic',
  'autumn badge bagel bamboo banjo basin basket beach beacon beard berry bicycle bishop blanket bonnet border',
  'bottle branch brick bridge bronze bucket buffalo button cabin cable cactus camera candle canoe canyon carbon',
  'carpet castle cedar cellar chalk cherry chimney circus citrus clover cobalt coffee comet copper coral cotton',
  'cradle crayon cricket crystal curtain cymbal daisy dancer denim desert diamond dinner doctor dolphin donkey dragon',
  'drawer eagle easel eclipse elbow elephant ember emerald engine envelope fabric falcon feather fiddle filter finger',
  'flamingo flannel forest fossil fountain galaxy garden garlic gazelle ginger giraffe glacier goblet granite guitar hammer',
  'harbor harvest hazel helmet hermit hockey honey hotel igloo insect island ivory jacket jaguar jasmine jungle',
  'kayak kernel kettle kitchen kitten ladder lagoon lantern lemon leopard lettuce library lizard lobster locket lumber',
  'magnet mango maple marble market meadow melon mermaid mirror monkey mosaic motor muffin museum mustard napkin',
  'needle nickel ninja nugget oasis ocean olive onion opera orange orchid otter oxygen oyster paddle palace',
  'panther parade parrot peanut pebble pelican pencil pepper piano pickle pigeon pillow pirate planet pocket potato',
  'prairie pretzel pumpkin puppet puzzle python quartz quiver rabbit radar radish ranch raven record reptile ribbon',
  'river robin rocket saddle safari salmon sandal satin scarlet school shadow shovel silver sister socket sparrow',
  'spider spiral sponge squid stadium summer sunset tablet temple thunder ticket tiger timber tomato trumpet tulip',
  'tunnel turtle umbrella uncle unicorn valley vanilla velvet violin volcano waffle walnut wizard yellow zebra zipper',
].flatMap((line) => line.split(' '));

const WORDS_SHOWN = 6;
/** 16 MiB and some tens of milliseconds. */
const COST = { N: 16_384, r: 8, p: 1 } as const;

export function fingerprintWords(token: JoinToken): string {
  const digest = scryptSync(publicPart(token), 'clustermesh join words', WORDS_SHOWN, COST);
  return [...digest].map((byte) => WORDS[byte] ?? '').join(' ');
}
