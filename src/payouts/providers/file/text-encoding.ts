// The encodings that a bank's CSV can have, and whether a text survives one of them. A character
// that an encoding lacks would be written as "?", and money would go out under another name.

import iconv from 'iconv-lite';

import { assert } from '../../../core/errors.ts';
import { isSeen } from '../../../platform/http/fields.ts';

export const TEXT_ENCODINGS = ['utf-8-bom', 'gb18030'] as const;
type TextEncoding = (typeof TEXT_ENCODINGS)[number];

const LONE_SURROGATE = /\p{Cs}/u;
const ASCII = /^\p{ASCII}*$/u;

const gb18030 = new TextDecoder('gb18030', { fatal: true, ignoreBOM: true });

/** Whether a cell can say this text: it comes back as it was, and hides and controls nothing. */
export function encodable(text: string, encoding: TextEncoding): boolean {
  return isSeen(text) && survives(text, encoding);
}

/** The bytes of a text, without a mark. Throws for one that does not survive. */
export function encodeText(text: string, encoding: TextEncoding): Buffer {
  assert(survives(text, encoding), 'a text is checked before it is written');
  return bytesOf(text, encoding);
}

/** What a file of the encoding begins with. */
export function byteOrderMark(encoding: TextEncoding): string {
  return encoding === 'utf-8-bom' ? '\ufeff' : '';
}

/**
 * GB 18030 has bytes for every character, but its editions differ in about twenty of them, all but
 * eight of private use: what another decoder reads otherwise than we wrote it does not survive.
 */
function survives(text: string, encoding: TextEncoding): boolean {
  if (LONE_SURROGATE.test(text)) return false;
  return encoding === 'utf-8-bom' || ASCII.test(text) || gb18030.decode(bytesOf(text, encoding)) === text;
}

function bytesOf(text: string, encoding: TextEncoding): Buffer {
  return encoding === 'utf-8-bom' ? Buffer.from(text, 'utf8') : iconv.encode(text, 'gb18030');
}
