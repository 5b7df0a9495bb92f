// Which export a table is, by the names of its columns, and which of its columns are ours.
import { DomainError } from '../../core/errors.ts';
import { COLUMNS_MAX } from '../tables/row.ts';
import type { Export } from './export.ts';
import { columnName } from './row-fields.ts';
import { jdOrders } from './jd-orders.ts';
import { COLUMNS } from './ours.ts';
import { pddOrders } from './pdd-orders.ts';
import { shopifyOrders } from './shopify-orders.ts';
import { taobaoOrders } from './taobao-orders.ts';
import { woocommerceAnalytics } from './woocommerce-analytics.ts';
import { woocommerceOrders } from './woocommerce-orders.ts';

/** In the order in which they are tried. */
export const EXPORTS: readonly Export[] = [shopifyOrders, woocommerceAnalytics, taobaoOrders, jdOrders, pddOrders, woocommerceOrders];

/** Their name of a column, and ours. */
export type Mapping = readonly (readonly [theirs: string, ours: string])[];

export interface Head {
  /** How many rows are above the names of the columns, and they themselves. */
  rows: number;
  /** How many columns there are. */
  width: number;
  /** Null: in our own words. */
  export: Export | null;
  /** Where each field of the export stands. */
  places: ReadonlyMap<string, number>;
  /** Where our own fields stand: all of a file in our words, of an export what was mapped. */
  ours: ReadonlyMap<string, number>;
  /** The columns that nobody reads, as the file names them. */
  ignored: string[];
}

/** `theirs:ours,…`, as a query states it. Throws `malformed_request`. */
export function readMapping(stated: string): Mapping {
  const pairs = stated.split(',').filter((one) => one.trim() !== '');
  const mapping = pairs.map((pair) => {
    // Theirs may have a colon of its own.
    const at = pair.lastIndexOf(':');
    const [theirs, ours] = [
      pair.slice(0, at).trim(),
      pair
        .slice(at + 1)
        .trim()
        .toLowerCase(),
    ];
    if (at < 1 || theirs === '') throw malformed(`${JSON.stringify(pair)} is not as theirs:ours.`);
    if (!COLUMNS.includes(ours)) throw malformed(`${JSON.stringify(ours)} is none of our columns: ${COLUMNS.join(', ')}.`);
    return [theirs, ours] as const;
  });
  const double = mapping.find(([, ours], place) => mapping.findIndex((other) => other[1] === ours) < place);
  if (double !== undefined) throw malformed(`Two columns are mapped to ${double[1]}.`);
  return mapping;
}

const malformed = (message: string): DomainError =>
  new DomainError('malformed_request', message, { errors: [{ path: 'columns', message }] });

/**
 * Finds the names of the columns among the first rows, below titles and blanks. Null when none of
 * the rows is one; throws `malformed_request` when one is and it cannot be read.
 */
export function recogniseHead(rows: readonly (readonly string[])[], mapping: Mapping): Head | null {
  for (const [index, names] of rows.entries()) {
    const head = headOf(names, mapping);
    if (head !== null) return { ...head, rows: index + 1 };
  }
  return null;
}

/** What to say of a table that is none of these. */
export function notRecognised(rows: readonly (readonly string[])[]): DomainError {
  const names = rows.toSorted((a, b) => b.length - a.length)[0] ?? [];
  const shown = names.slice(0, 20).map((name) => JSON.stringify(name.trim().slice(0, 40)));
  return new DomainError(
    'malformed_request',
    `No row at the top of the file names its columns: none has order_id, and none is of an export that is known ` +
      `(${EXPORTS.map((one) => one.name).join(', ')}). Map them with columns=theirs:ours. It begins with ${shown.join(', ')}.`,
  );
}

function headOf(names: readonly string[], mapping: Mapping): Omit<Head, 'rows'> | null {
  const plain = names.map(columnName);
  const mapped = mapping.map(([theirs, ours]) => [ours, plain.indexOf(columnName(theirs))] as const);
  const isOurs = mapped.some(([ours, place]) => ours === 'order_id' && place >= 0);
  const known = isOurs ? undefined : EXPORTS.find((one) => one.signature.every((field) => placeOf(plain, one.columns[field]!) >= 0));
  if (known === undefined && !isOurs && !plain.includes('order id')) return null;
  if (names.length > COLUMNS_MAX) throw new DomainError('malformed_request', `The file has more than ${COLUMNS_MAX} columns.`);
  const lost = mapping.find((_, index) => mapped[index]![1] < 0);
  if (lost !== undefined) throw malformed(`The file has no column ${JSON.stringify(lost[0])}.`);
  const ours = new Map(mapped);
  if (known === undefined) {
    for (const name of COLUMNS) if (!ours.has(name) && plain.includes(columnName(name))) ours.set(name, plain.indexOf(columnName(name)));
  }
  const places = new Map(
    Object.entries(known?.columns ?? {}).flatMap(([field, theirs]) => {
      const place = placeOf(plain, theirs);
      return place < 0 ? [] : [[field, place] as const];
    }),
  );
  checkDoubles(names, plain, new Set([...places.values(), ...ours.values()]));
  if (known !== undefined) checkKnown(known, places, mapping);
  const read = new Set([...places.values(), ...ours.values()]);
  const ignored = names.filter((name, place) => !read.has(place) && name.trim() !== '').map((name) => name.trim().slice(0, 100));
  return { width: names.length, export: known ?? null, places, ours, ignored };
}

const placeOf = (plain: readonly string[], names: readonly string[]): number =>
  names.map((name) => plain.indexOf(name)).find((place) => place >= 0) ?? -1;

/** Of two columns of one name nobody knows which is meant, where it is read. */
function checkDoubles(names: readonly string[], plain: readonly string[], read: ReadonlySet<number>): void {
  for (const place of read) {
    if (plain.indexOf(plain[place]!) === plain.lastIndexOf(plain[place]!)) continue;
    throw new DomainError('malformed_request', `The file names the column ${JSON.stringify(names[place]!.trim())} twice.`);
  }
}

function checkKnown(known: Export, places: ReadonlyMap<string, number>, mapping: Mapping): void {
  if (!places.has('order_id')) {
    throw new DomainError(
      'malformed_request',
      `The file is ${known.title} without the column ${JSON.stringify(known.columns['order_id']![0])}, by which the orders are known. ` +
        `If another column has that id, say so: columns=theirs:order_id.`,
    );
  }
  if (mapping.length > 0 && known.form === 'platform') {
    throw malformed(
      `The rows of ${known.title} are read as the platform's own, and no column is mapped. Map order_id to read them as yours.`,
    );
  }
}
