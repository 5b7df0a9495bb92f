// The rows of the first sheet of an .xlsx (ECMA-376), as they are unpacked: no more of it is in
// memory than its shared texts, which are bounded.
import { Readable } from 'node:stream';

import { SaxesParser, type SaxesTagPlain } from 'saxes';

import { DomainError } from '../../core/errors.ts';
import type { KeptBytes } from './kept-bytes.ts';
import { CELL_CHARACTERS_MAX, COLUMNS_MAX, ROW_CHARACTERS_MAX, type BrokenRow, type TableRow } from './row.ts';
import { openZip, type Zip } from './zip.ts';

const SHARED_TEXTS_MAX = 4_000_000;
const SHARED_CHARACTERS_MAX = 64 * 1024 * 1024;
const SMALL_PART_CHARACTERS_MAX = 4 * 1024 * 1024;

/** Throws `malformed_request` for what is no .xlsx, and for a sheet that says more than is read. */
export async function* xlsxRows(kept: KeptBytes): AsyncGenerator<TableRow | BrokenRow> {
  const zip = await openZip(kept);
  try {
    const sheet = await firstSheet(zip);
    const texts = await sharedTexts(zip);
    const stream = await zip.open(sheet);
    if (stream === null) throw noSheet();
    yield* rowsOf(stream, texts);
  } finally {
    zip.close();
  }
}

const noSheet = (): DomainError => new DomainError('malformed_request', 'The file is no spreadsheet (.xlsx): it has no sheet inside.');

/** The name of the part of the first sheet that is shown. */
async function firstSheet(zip: Zip): Promise<string> {
  const links = new Map<string, string>();
  const sheets: { id: string; isShown: boolean }[] = [];
  let counts1904 = false;
  await readPart(zip, 'xl/_rels/workbook.xml.rels', (tag) => {
    if (localName(tag) === 'Relationship') links.set(tag.attributes['Id'] ?? '', tag.attributes['Target'] ?? '');
  });
  await readPart(zip, 'xl/workbook.xml', (tag) => {
    if (localName(tag) === 'workbookPr') counts1904 = /^(1|true)$/.test(tag.attributes['date1904'] ?? '');
    if (localName(tag) === 'sheet') sheets.push({ id: attributeOf(tag, 'id'), isShown: !/hidden/i.test(tag.attributes['state'] ?? '') });
  });
  if (counts1904) throw new DomainError('malformed_request', 'The spreadsheet counts its dates from 1904: save it as CSV.');
  const target = links.get((sheets.find((sheet) => sheet.isShown) ?? sheets[0])?.id ?? '');
  if (target === undefined) throw noSheet();
  return target.startsWith('/') ? target.slice(1) : `xl/${target}`;
}

async function readPart(zip: Zip, name: string, onTag: (tag: SaxesTagPlain) => void): Promise<void> {
  const stream = await zip.open(name);
  if (stream === null) throw noSheet();
  const parser = xmlParser();
  parser.on('opentag', onTag);
  let characters = 0;
  for await (const text of textsOf(stream)) {
    characters += text.length;
    if (characters > SMALL_PART_CHARACTERS_MAX) throw new DomainError('malformed_request', `${name} of the spreadsheet is too long.`);
    parser.write(text);
  }
  parser.close();
}

/**
 * The texts that cells name by their number. What tells how a text is spoken (`rPh`) is no part of
 * it.
 */
async function sharedTexts(zip: Zip): Promise<string[]> {
  const stream = await zip.open('xl/sharedStrings.xml');
  const texts: string[] = [];
  if (stream === null) return texts;
  const parser = xmlParser();
  let [text, isText, isSpoken, characters] = ['', false, false, 0];
  parser.on('opentag', (tag) => {
    const name = localName(tag);
    if (name === 'si') text = '';
    else if (name === 'rPh') isSpoken = true;
    isText = name === 't' && !isSpoken;
  });
  parser.on('text', (piece) => {
    if (isText) text += piece;
  });
  parser.on('closetag', (tag) => {
    const name = localName(tag);
    isText = false;
    if (name === 'rPh') isSpoken = false;
    if (name !== 'si') return;
    characters += text.length;
    if (texts.length >= SHARED_TEXTS_MAX || characters > SHARED_CHARACTERS_MAX) {
      throw new DomainError('malformed_request', 'The spreadsheet has more text than is read at once: save the sheet as CSV.');
    }
    texts.push(unescaped(text));
  });
  for await (const piece of textsOf(stream)) parser.write(piece);
  parser.close();
  return texts;
}

interface ReadCell {
  column: number;
  type: string;
  text: string;
}

/**
 * Reads the cells of one row after the other; rows wait in a list only while one piece of the text
 * is parsed.
 */
class SheetReader {
  readonly rows: (TableRow | BrokenRow)[] = [];
  private readonly texts: readonly string[];
  private line = 0;
  private cells: string[] = [];
  private numbers = new Set<number>();
  private characters = 0;
  private fault: string | null = null;
  private cell: ReadCell | null = null;
  private isValue = false;

  constructor(texts: readonly string[]) {
    this.texts = texts;
  }

  open(tag: SaxesTagPlain): void {
    const name = localName(tag);
    if (name === 'row') {
      const stated = Number(tag.attributes['r']);
      this.line = Number.isSafeInteger(stated) ? stated : this.line + 1;
      [this.cells, this.numbers, this.characters, this.fault] = [[], new Set(), 0, null];
    } else if (name === 'c') {
      const column = columnOf(tag.attributes['r']) ?? this.cells.length;
      this.cell = { column, type: tag.attributes['t'] ?? 'n', text: '' };
    } else if (this.cell !== null) {
      this.isValue = name === 'v' || name === 't';
    }
  }

  text(piece: string): void {
    if (!this.isValue || this.cell === null || this.fault !== null) return;
    this.cell.text += piece;
    if (this.cell.text.length > CELL_CHARACTERS_MAX) this.fault = `a cell has more than ${CELL_CHARACTERS_MAX} characters`;
  }

  close(tag: SaxesTagPlain): void {
    const name = localName(tag);
    this.isValue = false;
    if (name === 'c') this.endCell();
    if (name === 'row') this.endRow();
  }

  private endCell(): void {
    const { cell } = this;
    this.cell = null;
    if (cell === null || cell.text === '' || this.fault !== null) return;
    if (cell.column >= COLUMNS_MAX) return;
    const text = cell.type === 's' ? (this.texts[Number(cell.text)] ?? '') : cell.type === 'n' ? cell.text : unescaped(cell.text);
    this.characters += text.length;
    if (this.characters > ROW_CHARACTERS_MAX) this.fault = `a row has more than ${ROW_CHARACTERS_MAX} characters`;
    while (this.cells.length < cell.column) this.cells.push('');
    this.cells[cell.column] = text;
    if (cell.type === 'n') this.numbers.add(cell.column);
  }

  private endRow(): void {
    const { line, cells, numbers, fault } = this;
    if (fault !== null) this.rows.push({ line, fault });
    else if (cells.some((cell) => cell !== '')) this.rows.push({ line, cells, numbers });
  }
}

async function* rowsOf(stream: Readable, texts: readonly string[]): AsyncGenerator<TableRow | BrokenRow> {
  const parser = xmlParser();
  const reader = new SheetReader(texts);
  parser.on('opentag', (tag) => reader.open(tag));
  parser.on('text', (piece) => reader.text(piece));
  parser.on('closetag', (tag) => reader.close(tag));
  for await (const text of textsOf(stream)) {
    parser.write(text);
    yield* reader.rows.splice(0);
  }
  parser.close();
  yield* reader.rows;
}

/** Entities beyond those of XML itself are not known to this parser, so that none can grow. */
function xmlParser(): SaxesParser {
  const parser = new SaxesParser({ position: false });
  parser.on('error', (error) => {
    throw new DomainError('malformed_request', `The XML of the spreadsheet is broken: ${error.message}`);
  });
  return parser;
}

function textsOf(stream: Readable): AsyncIterable<string> {
  stream.setEncoding('utf8');
  return stream as AsyncIterable<string>;
}

const localName = ({ name }: SaxesTagPlain): string => name.slice(name.indexOf(':') + 1);

function attributeOf({ attributes }: SaxesTagPlain, local: string): string {
  const name = Object.keys(attributes).find((one) => one.endsWith(`:${local}`));
  return name === undefined ? '' : attributes[name]!;
}

/** `AB12` is column 27; null for a cell that does not say where it is. */
function columnOf(place: string | undefined): number | null {
  const [, letters] = /^([A-Z]{1,3})\d+$/.exec(place ?? '') ?? [];
  if (letters === undefined) return null;
  let column = 0;
  for (const letter of letters) column = column * 26 + letter.charCodeAt(0) - 64;
  return column - 1;
}

/** A spreadsheet writes characters that XML may not have as `_x000D_`. */
const unescaped = (text: string): string =>
  text.includes('_x') ? text.replace(/_x([0-9A-Fa-f]{4})_/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))) : text;
