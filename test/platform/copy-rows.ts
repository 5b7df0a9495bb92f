// Rows for COPY FROM STDIN, of values of every kind.

type CopyValue = string | number | bigint | boolean | Date | Buffer | null;

/** One row in COPY's text format. */
export function copyRow(values: CopyValue[]): string {
  return `${values.map(copyText).join('\t')}\n`;
}

/**
 * One value in COPY's text format. Strings may hold anything but a zero byte, which PostgreSQL
 * cannot store.
 */
function copyText(value: CopyValue): string {
  if (value === null) return '\\N';
  if (typeof value === 'string') return SPECIAL.test(value) ? value.replaceAll(SPECIALS, (character) => ESCAPES[character]!) : value;
  if (value instanceof Date) return value.toISOString();
  if (Buffer.isBuffer(value)) return `\\\\x${value.toString('hex')}`;
  return String(value);
}

const SPECIAL = /[\\\n\r\t]/;
const SPECIALS = /[\\\n\r\t]/g;
const ESCAPES: Record<string, string> = { '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t' };
