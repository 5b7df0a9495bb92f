// The files inside of a ZIP that somebody sent, each with a bound that its bytes cannot evade: a
// few kilobytes can say that they are petabytes, or be them.
import { pipeline, type Readable, Transform } from 'node:stream';

import { fromRandomAccessReader, type Entry, type ZipFile } from 'yauzl';

import { DomainError } from '../../core/errors.ts';
import { KeptReader, type KeptBytes } from './kept-bytes.ts';

const ENTRIES_MAX = 10_000;
/** A sheet of a million rows and thirty columns has about 2 GiB of XML. */
const ENTRY_BYTES_MAX = 4 * 1024 ** 3;
/** XML of a sheet packs ten to thirty times; a thousand times is what a bomb does. */
const RATIO_MAX = 200;
const SMALL_BYTES = 1024 * 1024;

export interface Zip {
  names: readonly string[];
  /** The bytes of a file as they are unpacked, or null when there is no such file. */
  open: (name: string) => Promise<Readable | null>;
  close: () => void;
}

/**
 * Reads the list of what is inside. Throws `malformed_request` for what is no ZIP, and for one that
 * unpacks to more than is read.
 */
export async function openZip(kept: KeptBytes): Promise<Zip> {
  const reader = new KeptReader(kept);
  const file = await new Promise<ZipFile>((resolve, reject) => {
    fromRandomAccessReader(reader, reader.size, { lazyEntries: true, autoClose: false }, (error, opened) =>
      error ? reject(noZip(error)) : resolve(opened),
    );
  });
  const entries = await entriesOf(file);
  const open = async (name: string) => {
    const entry = entries.get(name);
    return entry === undefined ? null : openEntry(file, entry);
  };
  return { names: [...entries.keys()], open, close: () => file.close() };
}

function entriesOf(file: ZipFile): Promise<Map<string, Entry>> {
  const entries = new Map<string, Entry>();
  return new Promise((resolve, reject) => {
    file.on('error', (error: Error) => reject(noZip(error)));
    file.on('end', () => resolve(entries));
    file.on('entry', (entry: Entry) => {
      if (entries.size >= ENTRIES_MAX) {
        reject(new DomainError('malformed_request', `The spreadsheet has more than ${ENTRIES_MAX} files inside.`));
        return;
      }
      entries.set(entry.fileName.replace(/^\//, ''), entry);
      file.readEntry();
    });
    file.readEntry();
  });
}

function openEntry(file: ZipFile, entry: Entry): Promise<Readable> {
  if (entry.isEncrypted()) throw new DomainError('malformed_request', 'The spreadsheet is encrypted. Save it without a password.');
  if (entry.uncompressedSize > ENTRY_BYTES_MAX || isBomb(entry.uncompressedSize, entry.compressedSize)) throw tooLarge(entry.fileName);
  return new Promise((resolve, reject) => {
    file.openReadStream(entry, (error, stream) => {
      if (error) reject(noZip(error));
      // What a list states may be less than what is inside: the reader ends at what was stated, and
      // here once more.
      else resolve(pipeline(stream, atMost(entry), () => undefined));
    });
  });
}

function atMost({ fileName, compressedSize }: Entry): Transform {
  let bytes = 0;
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      bytes += chunk.length;
      if (bytes > ENTRY_BYTES_MAX || isBomb(bytes, compressedSize)) done(tooLarge(fileName));
      else done(null, chunk);
    },
  });
}

const isBomb = (unpacked: number, packed: number): boolean => unpacked > SMALL_BYTES && unpacked > packed * RATIO_MAX;

function tooLarge(name: string): DomainError {
  return new DomainError('malformed_request', `${name} of the spreadsheet unpacks to more than is read: save the sheet as CSV.`);
}

/**
 * What the ZIP reader throws is about the bytes that were sent, unless it comes from where they are
 * kept.
 */
function noZip(error: Error): Error {
  if (error instanceof DomainError || 'code' in error) return error;
  return new DomainError('malformed_request', `The spreadsheet cannot be opened: ${error.message}`, { cause: error });
}
