// Deliveries and orders without the words of erased buyers: every report is read from them as
// before, to the last field.
import { isUtf8 } from 'node:buffer';
import type { KeyObject } from 'node:crypto';

import { sql, type Transaction } from 'kysely';

import type { MergedOrder } from '../core/merged.ts';
import { groupedBy } from '../platform/grouped-by.ts';
import type { DB } from '../platform/postgres/tables.ts';
import { inSlices } from '../platform/slices.ts';
import { erasedWord, identitiesOf, identityOf } from '../promotion/buyers/identity.ts';
import {
  edited,
  editsOf,
  erasedAmong,
  identitiesOfWord,
  redacted,
  wordsIn,
  type Edit,
  type Erased,
  type Replacements,
} from '../promotion/buyers/redaction.ts';
import type { Adapter } from '../sources/source.ts';
import { readDelivery, stableJson, type Origin, type DeliveredReport } from './read.ts';
import type { TakenDelivery } from './delivery-store.ts';

/**
 * Edits that change what is read are looked for one by one; each is a reading of the whole body.
 */
const EDITS_TRIED_MAX = 50;

/** A delivery to be looked through. */
export interface Redactable {
  delivery: TakenDelivery;
  origin: Origin | undefined;
  error: string | null;
  /** Whose the nth report of it is; null where nobody knows yet. */
  merchantOf: (ordinal: number) => string | null;
}

interface Redacted {
  deliveryId: string;
  body: Buffer;
  contentHashes: string[];
  error: string | null;
}

export interface RedactingDeps {
  adapters: ReadonlyMap<string, Adapter>;
  identityKey: KeyObject;
}

/**
 * The delivery without the words of these buyers; null where it has none. Its reports are what they
 * were, each buyer the same identities.
 */
export async function redactDelivery(redactable: Redactable, erased: readonly Erased[], deps: RedactingDeps): Promise<Redacted | null> {
  const { delivery } = redactable;
  const encoding = encodingOf(delivery.body);
  const original = textOf(delivery.body);
  const reports = reportsOf(redactable, delivery.body, deps) ?? [];
  let body = original;
  let error = redactable.error;
  for (const one of erased) {
    const reading = readingFor(redactable, one, deps);
    for (const words of [await wordsAnywhere(body, one, deps), ...wordsOfBuyers(reports, one, redactable, deps)]) {
      body = await withoutWords(body, words, (text) => reading(Buffer.from(text, encoding)));
      error = error === null ? null : edited(error, editsOf(error, words));
    }
  }
  if (body === original && error === redactable.error) return null;
  return {
    deliveryId: delivery.delivery_id,
    body: Buffer.from(body, encoding),
    contentHashes: reports.map(({ contentHash }) => contentHash),
    error,
  };
}

/** As which every byte is a character that is written as that byte again. */
const encodingOf = (bytes: Buffer): 'utf8' | 'latin1' => (isUtf8(bytes) ? 'utf8' : 'latin1');

const textOf = (bytes: Buffer): string => bytes.toString(encodingOf(bytes));

function reportsOf({ delivery, origin }: Redactable, body: Buffer, { adapters }: RedactingDeps): DeliveredReport[] | null {
  try {
    return readDelivery({ ...delivery, body }, origin, adapters);
  } catch {
    // What cannot be read says nothing; that, too, must stay as it is.
    return null;
  }
}

/**
 * What the hashes of an erased buyer find in a text of any size, without keeping others waiting.
 */
async function wordsAnywhere(text: string, erased: Erased, { identityKey }: RedactingDeps): Promise<Replacements> {
  const found = await inSlices([...wordsIn(text)], (word) => [...erasedAmong([word], erased, identityKey)]);
  return new Map(found.flat());
}

/**
 * All that the reports of an erased buyer know it by, beside what was named when it was erased. A
 * word that is an identity of two types stands in several of these, to be tried one after the
 * other.
 */
function wordsOfBuyers(
  reports: readonly DeliveredReport[],
  erased: Erased,
  { merchantOf }: Redactable,
  { identityKey }: RedactingDeps,
): Replacements[] {
  const tried: Map<string, string>[] = [];
  for (const { content, ordinal } of reports) {
    if ((merchantOf(ordinal) ?? erased.merchantId) !== erased.merchantId) continue;
    const buyer = Object.entries(content.buyer ?? {}).flatMap(([type, word]) => {
      const identity = word == null ? null : identityOf(identityKey, erased.merchantId, type, word);
      return identity === null ? [] : [{ word: word!, identity }];
    });
    if (!buyer.some(({ identity }) => erased.identities.has(identity))) continue;
    for (const { word, identity } of buyer) note(tried, word, erasedWord(identity));
  }
  return tried;
}

function note(tried: Map<string, string>[], word: string, replacement: string): void {
  if (word === replacement || tried.some((words) => words.get(word) === replacement)) return;
  const free = tried.find((words) => !words.has(word));
  if (free === undefined) tried.push(new Map([[word, replacement]]));
  else free.set(word, replacement);
}

/** What is read from a body. */
interface Read {
  /** All of it, with identities in the place of words. */
  reports: string;
  /** The words of the buyers. */
  buyers: string;
}

function readingFor(redactable: Redactable, erased: Erased, deps: RedactingDeps) {
  return (body: Buffer): Read => {
    const reports = reportsOf(redactable, body, deps);
    if (reports === null) return { reports: 'unreadable', buyers: '' };
    const comparable = reports.map(({ content, ordinal, sourceId, says, shop, names, unknownCode, asOf }) => {
      const merchantId = redactable.merchantOf(ordinal) ?? erased.merchantId;
      const buyer = identitiesOf(deps.identityKey, merchantId, content.buyer ?? {}).toSorted();
      const said = { ...withReasons(content, (reason) => redacted(reason, [erased], deps.identityKey)), buyer };
      return { said, sourceId, says, shop, names, unknownCode, asOf };
    });
    return { reports: stableJson(comparable), buyers: stableJson(reports.map(({ content }) => content.buyer ?? null)) };
  };
}

/**
 * Reasons are told in anybody's words: those of a buyer may stand in them, and nothing hangs on
 * them. Orders keep them, too, so the words are found in a reason by itself, as they are found
 * there.
 */
function withReasons(content: DeliveredReport['content'], change: (reason: string) => string): DeliveredReport['content'] {
  const { void: voided, refunds } = content;
  return {
    ...content,
    void: typeof voided === 'object' && voided !== null ? { ...voided, reason: change(voided.reason) } : voided,
    refunds: refunds?.map((refund) => (refund.reason == null ? refund : { ...refund, reason: change(refund.reason) })),
  };
}

/** The text with all words replaced whose replacement leaves what is read from it as it is. */
async function withoutWords(text: string, words: Replacements, read: (text: string) => Read): Promise<string> {
  const edits = editsOf(text, words);
  if (edits.length === 0) return text;
  const before = read(text);
  const doubtful = edits.filter((edit) => edit.isDoubtful).slice(0, EDITS_TRIED_MAX);
  const ofBuyers = await inSlices(doubtful, (edit) => (read(edited(text, [edit])).buyers === before.buyers ? [] : [edit]));
  const meant = new Set(ofBuyers.flat());
  const certain = edits.filter((edit) => !edit.isDoubtful || meant.has(edit));
  const isHarmless = (some: readonly Edit[]) => read(edited(text, some)).reports === before.reports;
  if (isHarmless(certain)) return edited(text, certain);
  let kept: Edit[] = [];
  await inSlices(certain.slice(0, EDITS_TRIED_MAX), (edit) => {
    const more = [...kept, edit];
    if (isHarmless(more)) kept = more;
  });
  return edited(text, kept);
}

/**
 * Writes a redacted delivery: past the trigger that keeps its bytes, by the one function that may.
 */
export async function writeRedacted(trx: Transaction<DB>, { deliveryId, body, contentHashes, error }: Redacted): Promise<void> {
  await sql`select redact_delivery(${deliveryId}::uuid, ${body}, ${contentHashes}::text[], ${error})`.execute(trx);
}

/** Replaces the words of these buyers in the reasons that orders keep. */
export async function redactOrders(
  trx: Transaction<DB>,
  orderKeys: readonly bigint[],
  erased: readonly Erased[],
  { identityKey }: RedactingDeps,
): Promise<void> {
  if (orderKeys.length === 0) return;
  const { rows } = await sql<{ order_key: bigint; merged: MergedOrder }>`
    select order_key, merged from orders where order_key = any(${orderKeys}::bigint[]) order by order_key for update`.execute(trx);
  const clean = (reason: string): string => redacted(reason, erased, identityKey);
  const redactions = await inSlices(rows, ({ order_key, merged }) => ({ order_key, merged, without: withoutWordsIn(merged, clean) }));
  for (const { order_key: orderKey, merged, without } of redactions) {
    if (JSON.stringify(merged) === JSON.stringify(without)) continue;
    await sql`update orders set merged = ${JSON.stringify(without)}::jsonb where order_key = ${orderKey}`.execute(trx);
  }
}

function withoutWordsIn(merged: MergedOrder, clean: (reason: string) => string): MergedOrder {
  const { void: voided, refunds } = merged;
  return {
    ...merged,
    void: voided === null || voided[0] === false ? voided : [clean(voided[0]), voided[1], voided[2]],
    refunds: refunds.map((refund) =>
      refund.reason == null ? refund : { ...refund, reason: [clean(refund.reason[0]), refund.reason[1], refund.reason[2]] },
    ),
  };
}

/** A delivery that was read just now. */
export interface JustRead extends Redactable {
  /** The orders that its reports were merged into. */
  orderKeys: readonly bigint[];
  /** Whose it is where it was merged into none; null: anybody's. */
  merchantId: string | null;
}

/**
 * Frees deliveries, as soon as they are read, of the words of buyers who were erased before they
 * came.
 */
export async function redactJustRead(trx: Transaction<DB>, read: readonly JustRead[], deps: RedactingDeps): Promise<void> {
  const ofOrders = await erasedOfOrders(
    trx,
    read.flatMap(({ orderKeys }) => orderKeys),
  );
  const ofOthers = await erasedInBodies(
    trx,
    read.filter(({ orderKeys }) => orderKeys.length === 0),
    deps,
  );
  const affected = read.flatMap((one) => {
    const erased = [...one.orderKeys.flatMap((orderKey) => ofOrders.get(orderKey) ?? []), ...(ofOthers.get(one) ?? [])];
    return erased.length === 0 ? [] : [{ one, erased }];
  });
  for (const { one, erased } of affected) {
    const redaction = await redactDelivery(one, erased, deps);
    if (redaction !== null) await writeRedacted(trx, redaction);
  }
  for (const [orderKey, erased] of ofOrders) await redactOrders(trx, [orderKey], erased, deps);
}

interface ErasedRow {
  erasure_id: string;
  merchant_id: string;
  type: string;
  identity: string;
}

/** The erased buyers of orders. */
async function erasedOfOrders(trx: Transaction<DB>, orderKeys: readonly bigint[]): Promise<Map<bigint, Erased[]>> {
  if (orderKeys.length === 0) return new Map();
  const { rows } = await sql<ErasedRow & { order_key: bigint }>`
    select order_key, erasure_id, merchant_id, type, erased_identity.identity
    from (
      select distinct order_key, erasure_id from order_identity join erased_identity using (identity)
      where order_key = any(${[...new Set(orderKeys)]}::bigint[])
    ) as hit join erased_identity using (erasure_id)`.execute(trx);
  return new Map([...groupedBy(rows, ({ order_key }) => order_key)].map(([orderKey, own]) => [orderKey, erasedBuyers(own)]));
}

/**
 * The erased buyers whose words stand in deliveries that became no report of an order: pings, news
 * of customers, what cannot be read.
 */
async function erasedInBodies(
  trx: Transaction<DB>,
  deliveries: readonly JustRead[],
  { identityKey }: RedactingDeps,
): Promise<Map<JustRead, Erased[]>> {
  if (deliveries.length === 0) return new Map();
  const merchantIds = deliveries.map(({ merchantId }) => merchantId);
  const { rows: kinds } = await sql<{ merchant_id: string; types: string[] }>`
    select merchant_id, array_agg(distinct type) as types from erased_identity
    where ${merchantIds.includes(null)} or merchant_id = any(${merchantIds.filter((one) => one !== null)}::text[])
    group by merchant_id`.execute(trx);
  if (kinds.length === 0) return new Map();
  const candidates: string[][] = [];
  for (const { delivery, merchantId } of deliveries) {
    const words = [...wordsIn(textOf(delivery.body))];
    const own = kinds.filter((kind) => merchantId === null || kind.merchant_id === merchantId);
    const identities = await inSlices(words, (word) =>
      own.flatMap((kind) => identitiesOfWord(word, { merchantId: kind.merchant_id, types: new Set(kind.types) }, identityKey)),
    );
    candidates.push(identities.flat());
  }
  const { rows } = await sql<ErasedRow & { found: string }>`
    select found, erased_identity.erasure_id, merchant_id, type, erased_identity.identity
    from (
      select distinct identity as found, erasure_id from erased_identity
      where identity = any(${[...new Set(candidates.flat())]}::uuid[])
    ) as hit join erased_identity using (erasure_id)`.execute(trx);
  const byIdentity = groupedBy(rows, ({ found }) => found);
  return new Map(
    deliveries.flatMap((one, index) => {
      const own = candidates[index]!.flatMap((identity) => byIdentity.get(identity) ?? []);
      return own.length === 0 ? [] : [[one, erasedBuyers(own)]];
    }),
  );
}

/** Rows of erased identities, by the merchant whose buyers they are. */
function erasedBuyers(rows: readonly ErasedRow[]): Erased[] {
  return [...groupedBy(rows, ({ merchant_id }) => merchant_id)].map(([merchantId, own]) => ({
    merchantId,
    types: new Set(own.map(({ type }) => type)),
    identities: new Set(own.map(({ identity }) => identity)),
  }));
}
