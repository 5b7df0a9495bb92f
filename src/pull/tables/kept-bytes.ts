// A file that is kept in parts, as a ZIP reader reads it: from any place.
import { Readable } from 'node:stream';

import { RandomAccessReader } from 'yauzl';

/** Where the parts of a kept file are, and how to get one. */
export interface KeptBytes {
  /** The length of each part, in their order. */
  lengths: readonly number[];
  part: (partNo: number) => Promise<Buffer>;
}

/**
 * Reads kept parts as one file. The part that was read last is held: a reader takes many small
 * pieces of one.
 */
export class KeptReader extends RandomAccessReader {
  readonly size: number;
  private readonly kept: KeptBytes;
  private readonly begins: number[];
  private held: { partNo: number; bytes: Promise<Buffer> } | null = null;

  constructor(kept: KeptBytes) {
    super();
    this.kept = kept;
    this.begins = [];
    let size = 0;
    for (const length of kept.lengths) {
      this.begins.push(size);
      size += length;
    }
    this.size = size;
  }

  override _readStreamForRange(start: number, end: number): Readable {
    return Readable.from(this.range(start, end));
  }

  private async *range(start: number, end: number): AsyncGenerator<Buffer> {
    let partNo = this.begins.findLastIndex((begin) => begin <= start);
    for (let at = start; at < end; partNo++) {
      const begin = this.begins[partNo]!;
      const bytes = await this.partOf(partNo);
      const piece = bytes.subarray(at - begin, Math.min(end - begin, bytes.length));
      if (piece.length === 0) continue;
      yield piece;
      at += piece.length;
    }
  }

  private partOf(partNo: number): Promise<Buffer> {
    if (this.held?.partNo !== partNo) this.held = { partNo, bytes: this.kept.part(partNo) };
    return this.held.bytes;
  }
}
