// Reads etcd's messages, in which every entry has four whole numbers of 64 bits. protobufjs makes two objects of each, which nearly always
// is a number of a few bytes: of what a page or a message of events leaves to collect, most are those. Here such a number is read as one;
// what is larger, or negative, is what it was.

import protobuf from 'protobufjs/minimal.js';

/** Seven bits in each; eight bytes would be more than a number holds exactly. */
const BYTES_MAX = 7;

type Wide = ReturnType<protobuf.Reader['int64']>;

export class SmallNumberReader extends protobuf.BufferReader {
  override int64(): Wide {
    return this.#small() ?? super.int64();
  }

  override uint64(): Wide {
    return this.#small() ?? super.uint64();
  }

  /** The generated messages take either; what is declared of the reader is the larger. */
  #small(): Wide | undefined {
    let value = 0;
    let worth = 1;
    for (let at = this.pos; at < Math.min(this.pos + BYTES_MAX, this.len); at += 1) {
      const byte = this.buf[at] ?? 0;
      value += (byte & 0x7f) * worth;
      if (byte < 0x80) {
        this.pos = at + 1;
        return value as unknown as Wide;
      }
      worth *= 128;
    }
    return undefined;
  }
}
