// The cells of a row by the names that an export gives them, read with a reason where one cannot be
// read.
import { amountOf, countOf, damageOf, textOf, cellTime, type CellReading } from '../tables/cells.ts';
import type { TableRow } from '../tables/row.ts';

/** What is wrong with a row, in words for whoever sent the file. */
export class RowFault extends Error {}

/**
 * What a file does not say of itself: of whose clock its times are, and in which currency its
 * amounts.
 */
export interface Surroundings {
  zone: string;
  currency: string | null;
  /** Decimals are written with a comma. */
  comma: boolean;
  /** The options of the source, as its adapter understands them. */
  options: unknown;
}

/**
 * A name of a column as it is compared: without case, width of signs, doubled blanks, and the unit
 * behind it.
 */
export function columnName(name: string): string {
  const plain = name
    .normalize('NFKC')
    .replace(/^\ufeff/, '')
    .replace(/[\s_]+/g, ' ')
    .trim()
    .toLowerCase();
  return plain.replace(/\s*\((?:元|¥|件|个)\)$/, '');
}

/**
 * Reads the cells of one row; `places` says where each field stands. What a cell does not say is an
 * empty text.
 */
export class Fields {
  readonly line: number;
  private readonly row: TableRow;
  private readonly places: ReadonlyMap<string, number>;
  private readonly surroundings: Surroundings;

  constructor(row: TableRow, places: ReadonlyMap<string, number>, surroundings: Surroundings) {
    this.line = row.line;
    this.row = row;
    this.places = places;
    this.surroundings = surroundings;
  }

  /** The same row by other names of its columns. */
  at(places: ReadonlyMap<string, number>): Fields {
    return new Fields(this.row, places, this.surroundings);
  }

  text(field: string): string {
    const place = this.places.get(field);
    const text = place === undefined ? '' : textOf(this.row.cells[place] ?? '');
    if (text.includes('\ufffd')) throw new RowFault(`${field}: has a character that could not be decoded`);
    return text;
  }

  /** An id of somebody's own choice, as certainly as it is one. */
  ownId(field: string): string {
    const text = this.text(field);
    const damage = text === '' ? null : (damageOf(text) ?? this.numberDamage(field, text));
    if (damage !== null) throw new RowFault(`${field}: ${JSON.stringify(text)} ${damage}`);
    return text;
  }

  /** What a sheet holds as a number has at most the digits of one. */
  private numberDamage(field: string, text: string): string | null {
    if (!this.row.numbers?.has(this.places.get(field)!) || Number.isSafeInteger(Number(text))) return null;
    return 'is held as a number, which cannot hold all its digits: keep the column as text';
  }

  /** An id of a platform, which writes `0` where there is none. */
  id(field: string): string {
    const id = this.ownId(field);
    return id === '0' ? '' : id;
  }

  neededId(field: string): string {
    const id = this.id(field);
    if (id === '') throw new RowFault(`${field}: is missing`);
    return id;
  }

  /** Minor units of the currency; null where the cell says nothing. */
  amount(field: string, currency: string): bigint | null {
    const text = this.text(field);
    return text === '' ? null : this.said(field, amountOf(text, currency, this.surroundings));
  }

  count(field: string): number | null {
    const text = this.text(field);
    return text === '' ? null : this.said(field, countOf(text));
  }

  time(field: string): string | null {
    return this.said(field, cellTime(this.text(field), this.surroundings.zone));
  }

  /** The currency of the row, else the one that the merchant's books are in. */
  currency(field: string): string {
    const stated = this.text(field).toUpperCase() || this.surroundings.currency;
    if (stated === null) throw new RowFault(`${field}: the file names no currency, and the source no merchant`);
    return stated;
  }

  private said<Value>(field: string, said: CellReading<Value>): Value {
    if ('fault' in said) throw new RowFault(`${field}: ${said.fault}`);
    return said.value;
  }
}
