// An uploaded file of orders, as people export and keep them: every good row becomes a report,
// every bad one is told.
import { sql, type Kysely } from 'kysely';

import { DomainError } from '../../core/errors.ts';
import type { Origin } from '../../inbox/read.ts';
import { inTransaction } from '../../platform/postgres/database.ts';
import { groupedBy } from '../../platform/grouped-by.ts';
import type { DB } from '../../platform/postgres/tables.ts';
import type { Adapter } from '../../sources/source.ts';
import { findSource } from '../../sources/connections/source-store.ts';
import { noSource, REST } from '../../sources/connections/source-fields.ts';
import { enterRows, compareRows, type Rows } from '../entering.ts';
import type { Comparison } from '../reconciliations/finding.ts';
import { readRows, type FileReading, type ReadRow } from '../feeds/reading-rows.ts';
import { SeenKeys } from '../feeds/seen-keys.ts';
import type { Table } from '../tables/table.ts';
import type { Amounts } from '../exports/export.ts';

const ROWS_PER_COMMIT = 500;
/** So many bad rows are told one by one; all are counted. */
export const BAD_ROWS_MAX = 1000;
const CHINA = '+08:00';

interface BadRow {
  line: number;
  message: string;
}

interface Upload {
  db: Kysely<DB>;
  adapters: ReadonlyMap<string, Adapter>;
  source: Origin;
  /** Whose orders an upload of the source rest tells of. */
  merchantId: string | null;
  reconciliationId: string;
  amounts: Amounts;
  /** Reads and judges, and lets nothing enter. */
  dryRun: boolean;
  confirmAllNew: boolean;
  /** When the file was sent, by the clock of the database. */
  fetchedAt: Date;
  onDelivered: () => void;
  /** Waited for after every so many rows, good or bad. It may end the reading by throwing. */
  whenRoom: () => Promise<void>;
}

export interface UploadResult {
  rows: number;
  badRows: number;
  bad: BadRow[];
  /** What a dry run found. */
  would: { checked: number; missing: number; different: number } | null;
}

/**
 * Whose orders a file of this source tells of. Throws `not_found` and `unknown_merchant`, and
 * `malformed_request` for a file of the source rest that names no merchant.
 */
export async function originOf(db: Kysely<DB>, sourceId: string, merchantId: string | null): Promise<Origin> {
  if (sourceId !== REST) {
    const found = await findSource(db, sourceId);
    if (found === null) throw noSource(sourceId);
    return { sourceId, kind: found.kind, merchantId: found.merchant_id, options: found.options };
  }
  if (merchantId === null) throw new DomainError('malformed_request', 'A file of the source rest needs a merchant_id in the query.');
  const merchant = await db.selectFrom('merchant').select('merchant_id').where('merchant_id', '=', merchantId).executeTakeFirst();
  if (merchant === undefined) throw new DomainError('unknown_merchant', `There is no merchant ${merchantId}.`);
  return { sourceId, kind: REST, merchantId, options: {} };
}

/**
 * Throws `unprocessable` for an export of one platform at a source of another: its ids would be
 * taken for the other's.
 */
function checkPlatform({ head }: Pick<Table, 'head'>, { sourceId, kind }: Origin): void {
  const known = head.export;
  if (known === null || known.kind === kind || (known.form === 'ours' && kind === REST)) return;
  throw new DomainError(
    'unprocessable',
    `The file is ${known.title}, and ${sourceId} is a source of the kind ${kind}: upload it to one of the kind ${known.kind}, ` +
      `or say with columns=theirs:order_id that its ids are yours.`,
  );
}

/**
 * Takes the whole file, no faster than the worker merges and awards it: what is told meanwhile by
 * others must not wait behind it. Throws `unprocessable` and `all_orders_new` before anything has
 * entered, and what the table throws.
 */
export async function takeUpload(upload: Upload, table: Table): Promise<UploadResult> {
  checkPlatform(table, upload.source);
  const reading = await readingOf(upload, table);
  if (!upload.dryRun && !upload.confirmAllNew) await checkSomeKnown(upload, table, reading);
  const taken: UploadResult = { rows: 0, badRows: 0, bad: [], would: null };
  const refuse = (line: number, message: string, rows: number): void => {
    taken.badRows += rows;
    if (taken.bad.length < BAD_ROWS_MAX) taken.bad.push({ line, message });
  };
  const judged = new SeenKeys();
  const enter = async (read: readonly ReadRow[]): Promise<void> => {
    const believed = await withoutDoubtful(upload, read, refuse);
    if (upload.dryRun) await judgeAll(upload, believed, judged);
    else await store(upload, believed);
  };
  const waiting: ReadRow[] = [];
  for await (const row of readRows(table, reading)) {
    const before = taken.rows;
    taken.rows += row.rows;
    if ('fault' in row) refuse(row.line, row.fault, row.rows);
    else waiting.push(row);
    if (Math.floor(before / ROWS_PER_COMMIT) === Math.floor(taken.rows / ROWS_PER_COMMIT)) continue;
    await upload.whenRoom();
    if (waiting.length > 0) await enter(waiting.splice(0));
  }
  if (waiting.length > 0) await enter(waiting);
  taken.bad.sort((a, b) => a.line - b.line);
  return upload.dryRun ? { ...taken, would: wouldBe(judged) } : taken;
}

/** What a file does not say of itself: its merchant does. */
async function readingOf(
  { db, adapters, source, merchantId, amounts, fetchedAt }: Upload,
  { head, delimiter }: Table,
): Promise<FileReading> {
  const { rows } = await sql<{ currency: string; time_zone: string }>`
    select currency, time_zone from merchant_version
    where merchant_id = ${merchantId ?? source.merchantId} and effective_from <= ${fetchedAt}
    order by effective_from desc, version desc limit 1`.execute(db);
  const [merchant] = rows;
  const surroundings = {
    zone: head.export?.zone ?? merchant?.time_zone ?? CHINA,
    currency: merchant?.currency ?? null,
    comma: delimiter === ';',
    options: source.options,
  };
  return { source, adapter: adapters.get(source.kind), merchantId, amounts, surroundings, fetchedAt };
}

/**
 * A file of which nobody knows an order, at a source whose orders are known, has most likely
 * another column of ids than the source: all its orders would be there twice. The rows are read for
 * this until one is known.
 */
async function checkSomeKnown(upload: Upload, table: Table, reading: FileReading): Promise<void> {
  const { db, source } = upload;
  if (source.sourceId === REST || !(await tellsOrders(db, source.sourceId))) return;
  let [orders, waiting] = [0, [] as string[]];
  const isKnown = async (ids: string[]) => (await knownOrders(upload, ids)).size > 0;
  for await (const row of readRows(table, reading)) {
    if ('fault' in row) continue;
    orders++;
    waiting.push(row.orderId);
    if (waiting.length < ROWS_PER_COMMIT) continue;
    if (await isKnown(waiting)) return;
    waiting = [];
    await upload.whenRoom();
  }
  if (orders === 0 || (await isKnown(waiting))) return;
  throw new DomainError(
    'all_orders_new',
    `None of the ${orders} orders of the file is known, and the source ${source.sourceId} tells of its orders by itself: is another column ` +
      `the id by which it names them? If they are new indeed, send the file with confirm_all_new=true.`,
  );
}

async function tellsOrders(db: Kysely<DB>, sourceId: string): Promise<boolean> {
  return (await db.selectFrom('orders').select('order_id').where('source_id', '=', sourceId).limit(1).executeTakeFirst()) !== undefined;
}

async function knownOrders({ db, source, merchantId }: Upload, ids: readonly string[]): Promise<ReadonlySet<string>> {
  if (ids.length === 0) return new Set();
  const { rows } = await sql<{ order_id: string }>`
    select distinct order_id from unnest(${[...new Set(ids)]}::text[]) as told (order_id) join orders using (order_id)
    where orders.source_id = ${source.sourceId} and (${merchantId}::text is null or orders.merchant_id = ${merchantId})`.execute(db);
  return new Set(rows.map((row) => row.order_id));
}

/**
 * An id that a spreadsheet may have rounded is believed of an order that is known: it never makes a
 * new one.
 */
async function withoutDoubtful(
  upload: Upload,
  read: readonly ReadRow[],
  refuse: (line: number, message: string, rows: number) => void,
): Promise<readonly ReadRow[]> {
  const doubtful = read.filter((row) => row.isDoubtful);
  if (doubtful.length === 0) return read;
  const known = await knownOrders(
    upload,
    doubtful.map((row) => row.orderId),
  );
  return read.filter((row) => {
    if (!row.isDoubtful || known.has(row.orderId)) return true;
    refuse(
      row.line,
      `order_id: ${row.orderId} ends in zeros as a number that a spreadsheet has rounded, and no such order is known`,
      row.rows,
    );
    return false;
  });
}

/** Rows are kept with what is said of how to read them: those of one kind go together. */
function groupsOf({ source, merchantId, fetchedAt }: Upload, read: readonly ReadRow[]): Rows[] {
  const groups = groupedBy(read, (row) => JSON.stringify(row.headers));
  return [...groups.values()].map((rows) => ({
    origin: 'upload',
    source,
    merchantId,
    bodies: rows.map((row) => row.body),
    headers: rows[0]!.headers,
    fetchedAt,
  }));
}

async function store(upload: Upload, read: readonly ReadRow[]): Promise<void> {
  const { db, adapters, reconciliationId, onDelivered } = upload;
  await inTransaction(db, async ({ trx }) => {
    for (const rows of groupsOf(upload, read)) await enterRows(trx, adapters, rows, reconciliationId);
  });
  onDelivered();
}

const FOUND: readonly Comparison[] = ['known', 'missing', 'different'];

/**
 * Counts each order once, as a reconciliation does: by what was found of it first, or by a later
 * row that differs.
 */
async function judgeAll(upload: Upload, read: readonly ReadRow[], judged: SeenKeys): Promise<void> {
  const found = await inTransaction(upload.db, async ({ trx }) => {
    const all: Awaited<ReturnType<typeof compareRows>> = [];
    for (const rows of groupsOf(upload, read)) all.push(...(await compareRows(trx, upload.adapters, rows)));
    return all;
  });
  for (const { shop, orderId, found: what } of found) {
    const key = JSON.stringify([shop, orderId]);
    const before = judged.get(key);
    if (before === null || (FOUND[before] === 'known' && what === 'different')) judged.set(key, FOUND.indexOf(what));
  }
}

function wouldBe(judged: SeenKeys): UploadResult['would'] {
  const counts = judged.counts();
  const [known = 0, missing = 0, different = 0] = FOUND.map((_, number) => counts.get(number));
  return { checked: known + missing + different, missing, different };
}
