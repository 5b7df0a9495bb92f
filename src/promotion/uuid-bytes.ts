// The 16 bytes of a uuid, for what must be short: tokens and cookies.

const NIBBLES = new Uint8Array(128);
for (let value = 0; value < 16; value += 1) NIBBLES[value.toString(16).charCodeAt(0)] = value;

/** Where the digits of each byte stand in the text. */
const PLACES = [0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34];

/** Writes the bytes of a uuid's text, which must be in small letters. */
export function writeUuid(bytes: Buffer, uuid: string, offset: number): void {
  let at = offset;
  for (const place of PLACES) bytes[at++] = (NIBBLES[uuid.charCodeAt(place)]! << 4) | NIBBLES[uuid.charCodeAt(place + 1)]!;
}

/** The text of the uuid whose 16 bytes stand at `offset`. */
export function readUuid(bytes: Buffer, offset: number): string {
  return uuidOfHex(bytes.toString('hex', offset, offset + 16));
}

/** The text of the uuid of the first 32 hexadecimal digits. */
export function uuidOfHex(hex: string): string {
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20, 32)}`;
}
