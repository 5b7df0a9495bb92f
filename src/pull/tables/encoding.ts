// The encoding of a file that somebody exported: recognised by its bytes, because nobody states it,
// or refused by the name of what it looks like. A wrong guess would make an id of what is none.
import { DomainError } from '../../core/errors.ts';

export type Encoding = 'utf-8' | 'utf-16le' | 'utf-16be' | 'gb18030';

/** So much of a file is enough to know its encoding. */
const LOOKED_AT_BYTES = 256 * 1024;
/** One broken character in so many sound ones is a broken character, and no other encoding. */
const SOUND_PER_BROKEN = 20;
/**
 * Of Chinese text nearly all characters stand in the square of GB 2312; of other text misread as
 * Chinese few do.
 */
const COMMON_SHARE = 0.8;
/** Text of fewer characters is too short to tell Korean from Chinese. */
const HANGUL_LEAST = 20;

/**
 * `ascii`: no byte so far says which it is. Throws `malformed_request` for everything that is not
 * read here.
 */
export function recogniseEncoding(whole: Buffer): Encoding | 'ascii' {
  const head = whole.subarray(0, LOOKED_AT_BYTES);
  const marked = byMark(head) ?? byZeros(head);
  if (marked !== null) return marked;
  if (head.includes(0)) throw refused('no text (it has zero bytes)');
  const first = whole.findIndex((byte) => byte >= 0x80);
  if (first < 0) return 'ascii';
  const bytes = whole.subarray(first, first + LOOKED_AT_BYTES);
  const { sound, broken } = countUtf8(bytes);
  // A character that the end cuts off is neither.
  if (broken === 0 || sound >= broken * SOUND_PER_BROKEN) return sound === 0 ? 'ascii' : 'utf-8';
  if (isChinese(bytes)) return 'gb18030';
  throw refused(lookOf(bytes));
}

/**
 * The text of a file as UTF-8, part by part. What cannot be decoded becomes U+FFFD, which no cell
 * that is read may have.
 */
export async function* asUtf8(parts: AsyncIterable<Buffer>, recognised: Encoding | 'ascii'): AsyncGenerator<Buffer> {
  let encoding = recognised;
  let decoder: InstanceType<typeof TextDecoder> | null = null;
  for await (const part of parts) {
    if (encoding === 'ascii') encoding = recogniseEncoding(part);
    if (encoding === 'ascii' || encoding === 'utf-8') {
      yield part;
      continue;
    }
    decoder ??= new TextDecoder(encoding);
    yield Buffer.from(decoder.decode(part, { stream: true }));
  }
  if (decoder !== null) yield Buffer.from(decoder.decode());
}

/** The beginning of a file as text. */
export function headText(bytes: Buffer, encoding: Encoding | 'ascii'): string {
  return new TextDecoder(encoding === 'ascii' ? 'utf-8' : encoding).decode(bytes, { stream: true });
}

function refused(look: string): DomainError {
  const message = `The file looks like ${look}. Save it as UTF-8, UTF-16 or GB18030 (GBK), or as .xlsx.`;
  return new DomainError('malformed_request', message);
}

function byMark(bytes: Buffer): Encoding | null {
  const hex = bytes.subarray(0, 3).toString('hex');
  if (hex === 'efbbbf') return 'utf-8';
  if (hex.startsWith('fffe')) return 'utf-16le';
  return hex.startsWith('feff') ? 'utf-16be' : null;
}

/**
 * UTF-16 without its mark: the names of columns have ASCII in them, so every second byte is zero
 * there.
 */
function byZeros(bytes: Buffer): Encoding | null {
  const head = bytes.subarray(0, 1024);
  let [even, odd] = [0, 0];
  for (const [place, byte] of head.entries()) {
    if (byte !== 0) continue;
    if (place % 2 === 0) even++;
    else odd++;
  }
  const many = head.length / 10;
  if (odd > many && even === 0) return 'utf-16le';
  return even > many && odd === 0 ? 'utf-16be' : null;
}

/**
 * How many characters beyond ASCII are sound UTF-8, and how many bytes are of none; what the end
 * cuts off is neither.
 */
function countUtf8(bytes: Buffer): { sound: number; broken: number } {
  let [sound, broken] = [0, 0];
  for (let at = 0; at < bytes.length;) {
    const lead = bytes[at]!;
    const length =
      lead < 0x80 ? 1 : lead >= 0xc2 && lead < 0xe0 ? 2 : lead >= 0xe0 && lead < 0xf0 ? 3 : lead >= 0xf0 && lead < 0xf5 ? 4 : 0;
    if (length === 1) {
      at++;
      continue;
    }
    if (length > 0 && at + length > bytes.length) break;
    let follow = 1;
    while (follow < length && (bytes[at + follow]! & 0xc0) === 0x80) follow++;
    if (length > 0 && follow === length) {
      sound++;
      at += length;
    } else {
      broken++;
      at++;
    }
  }
  return { sound, broken };
}

interface Pairs {
  /** In the square of GB 2312 and of EUC: both bytes from A1 on. */
  square: number;
  outside: number;
  broken: number;
  kana: number;
  hanzi: number;
  /** Of `hanzi`, those where Hangul stands in EUC-KR. */
  hangul: number;
}

/** Reads the bytes in pairs, as all encodings of East Asia do. */
function countPairs(bytes: Buffer): Pairs {
  const pairs: Pairs = { square: 0, outside: 0, broken: 0, kana: 0, hanzi: 0, hangul: 0 };
  for (let at = 0; at < bytes.length - 1;) {
    const lead = bytes[at]!;
    const trail = bytes[at + 1]!;
    if (lead < 0x80) {
      at++;
      continue;
    }
    // Four bytes are what GB18030 adds to GBK.
    if (lead > 0x80 && trail >= 0x30 && trail <= 0x39) {
      at += 4;
      continue;
    }
    if (lead === 0x80 || lead === 0xff || trail < 0x40 || trail === 0x7f || trail === 0xff) {
      pairs.broken++;
      at++;
      continue;
    }
    if (lead >= 0xa1 && trail >= 0xa1) pairs.square++;
    else pairs.outside++;
    if (lead === 0xa4 || lead === 0xa5) pairs.kana++;
    if (lead >= 0xb0) pairs.hanzi++;
    if (lead >= 0xb0 && lead <= 0xc8) pairs.hangul++;
    at += 2;
  }
  return pairs;
}

function isChinese(bytes: Buffer): boolean {
  const pairs = countPairs(bytes);
  if (pairs.broken * SOUND_PER_BROKEN > pairs.square) return false;
  return pairs.square >= (pairs.square + pairs.outside) * COMMON_SHARE && !isKana(pairs) && !isHangul(pairs);
}

const isKana = ({ kana, square }: Pairs): boolean => kana * 4 > square;
const isHangul = ({ hanzi, hangul }: Pairs): boolean => hanzi >= HANGUL_LEAST && hangul > hanzi * 0.95;

/** What a file that is not read here looks like, in the order of how certain that is. */
function lookOf(bytes: Buffer): string {
  const pairs = countPairs(bytes);
  if (pairs.broken === 0 && isKana(pairs)) return 'EUC-JP';
  if (pairs.broken === 0 && isHangul(pairs)) return 'EUC-KR';
  const kana = reads(bytes, 'shift_jis').match(/[\u3040-\u30ff]/g)?.length ?? 0;
  if (kana > 0 && !reads(bytes, 'shift_jis').includes('\ufffd')) return 'Shift_JIS';
  const cyrillic = reads(bytes, 'windows-1251').match(/[а-яё]{3,}/gi)?.length ?? 0;
  if (cyrillic > 2) return 'Windows-1251';
  if (!reads(bytes, 'big5').includes('\ufffd')) return 'Big5';
  if (/[a-z][\u00c0-\u00ff]|[\u00c0-\u00ff][a-z]|[€£]/i.test(reads(bytes, 'windows-1252'))) return 'Windows-1252 (Latin-1)';
  return 'text of an encoding that is not known here';
}

const reads = (bytes: Buffer, encoding: string): string => new TextDecoder(encoding).decode(bytes, { stream: true });
