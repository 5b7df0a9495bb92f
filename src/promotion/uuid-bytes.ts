// The 16 bytes of a uuid, for what must be short: tokens, cookies, hashes.

/** Writes the bytes of a uuid's text. */
export function writeUuid(bytes: Buffer, uuid: string, offset: number): void {
  bytes.write(uuid.slice(0, 8), offset, 'hex');
  bytes.write(uuid.slice(9, 13), offset + 4, 'hex');
  bytes.write(uuid.slice(14, 18), offset + 6, 'hex');
  bytes.write(uuid.slice(19, 23), offset + 8, 'hex');
  bytes.write(uuid.slice(24), offset + 10, 'hex');
}

/** The text of the uuid whose 16 bytes stand at `offset`. */
export function readUuid(bytes: Buffer, offset: number): string {
  const hex = bytes.toString('hex', offset, offset + 16);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}
