// Many byte strings as one parameter, in PostgreSQL's binary form of an array: as text each byte
// would be written, sent and read as two digits of hexadecimal.

const BYTEA_OID = 17;
const INT_BYTES = 4;

/** The value of a `bytea[]` parameter. */
export function byteaArray(elements: readonly Buffer[]): Buffer {
  // Dimensions, whether nulls occur, the type of the elements; then of the only dimension its size
  // and lower bound.
  const head = elements.length === 0 ? [0, 0, BYTEA_OID] : [1, 0, BYTEA_OID, elements.length, 1];
  const size = elements.reduce((sum, element) => sum + INT_BYTES + element.length, head.length * INT_BYTES);
  const bytes = Buffer.allocUnsafe(size);
  let at = 0;
  for (const int of head) at = bytes.writeInt32BE(int, at);
  for (const element of elements) {
    at = bytes.writeInt32BE(element.length, at);
    at += element.copy(bytes, at);
  }
  return bytes;
}
