// Erasing a buyer: everything that was kept is looked through, a part at a time, and its words are
// replaced in place. Whoever is killed on the way has it begun again by another, which finds
// nothing in what is done already.
import type { KeyObject } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';

import { sql, type Kysely, type Transaction } from 'kysely';

import { redactDelivery, redactOrders, writeRedacted, type RedactingDeps } from '../inbox/redacting.ts';
import { TAKEN_COLUMNS, type TakenDelivery } from '../inbox/delivery-store.ts';
import { FIRST_DELIVERY } from '../orders/order-store.ts';
import { inTransaction } from '../platform/postgres/database.ts';
import { inSlices } from '../platform/slices.ts';
import type { DB } from '../platform/postgres/tables.ts';
import { redacted, type Erased } from '../promotion/buyers/redaction.ts';
import type { Adapter } from '../sources/source.ts';
import { findSources } from '../sources/connections/source-store.ts';
import { appendErasures } from './erasure-log.ts';
import {
  erasedBuyerOf,
  addToCount,
  finish,
  isPast,
  markTransactions,
  readErasures,
  type Counted,
  type KeptErasure,
} from './erasure-store.ts';

const ERASURES_PER_ROUND = 20;
const DELIVERIES_PER_PART = 100;
const ROWS_PER_PART = 500;
const WAIT_MS = 20;
const EVIDENCE_LENGTH_MAX = 4000;
const REASON_LENGTH_MAX = 1000;

interface ErasingDeps {
  db: Kysely<DB>;
  adapters: readonly Adapter[];
  identityKey: KeyObject;
  /** Where the log of erasures lies. */
  dataDir: string;
}

/**
 * Carries out every erasure that is not finished, the oldest first. One that waits for an uploaded
 * file is looked at again next time.
 */
export async function eraseAll(deps: ErasingDeps, signal?: AbortSignal): Promise<void> {
  const erasures = await readErasures(deps.db, { unfinished: true, after: null, limit: ERASURES_PER_ROUND });
  if (erasures.length === 0) return;
  await appendErasures(deps.dataDir, erasures);
  const mark = await markTransactions(deps.db);
  while (!(await isPast(deps.db, mark))) await sleep(WAIT_MS, undefined, { signal });
  for (const erasure of erasures) await erase(deps, erasure, signal);
}

async function erase({ db, adapters, identityKey }: ErasingDeps, erasure: KeptErasure, signal: AbortSignal | undefined): Promise<void> {
  const buyer = erasedBuyerOf(erasure);
  const deps = { adapters: new Map(adapters.map((adapter) => [adapter.kind, adapter])), identityKey };
  const clean = (text: string): string => redacted(text, [buyer], identityKey);
  const pass = { erasure, buyer, deps, clean };
  for (const part of [eraseInOrders, eraseInOtherDeliveries, eraseInClaims, eraseInAnswers, eraseInMessages]) {
    for (let after: string | null = ''; after !== null;) {
      signal?.throwIfAborted();
      const from: string = after;
      after = await inTransaction(db, ({ trx }) => part(trx, pass, from));
    }
  }
  await inTransaction(db, ({ trx }) => finish(trx, erasure.erasureId));
}

interface Pass {
  erasure: KeptErasure;
  buyer: Erased;
  deps: RedactingDeps;
  /** A text without the buyer's words. */
  clean: (text: string) => string;
}

/** Looks through the rows after this place, and answers where to go on; null at the end. */
type Part = (trx: Transaction<DB>, pass: Pass, after: string) => Promise<string | null>;

/**
 * One order at a time, with a part of its deliveries: what it keeps of their reasons changes with
 * them.
 */
const eraseInOrders: Part = async (trx, pass, after) => {
  const { erasure, buyer, deps } = pass;
  const [orderAfter = '0', deliveryAfter = null] = after.split('/');
  const { rows } = await sql<{ order_key: bigint }>`
    select order_key from order_identity join orders using (order_key)
    where identity = any(${[...buyer.identities]}::uuid[]) and merchant_id = ${buyer.merchantId}
      and order_key ${deliveryAfter === null ? sql`>` : sql`>=`} ${orderAfter || '0'}::bigint
    order by order_key limit 1`.execute(trx);
  const orderKey = rows[0]?.order_key;
  if (orderKey === undefined) return null;
  await redactOrders(trx, [orderKey], [buyer], deps);
  await redactDecisions(trx, pass, [orderKey]);
  const deliveries = await lockDeliveries(
    trx,
    sql`delivery_id in (
      select distinct delivery_id from orders join order_report using (order_key)
      where order_key = ${orderKey} and order_report.delivery_id >= ${FIRST_DELIVERY}
        and (${deliveryAfter}::uuid is null or delivery_id > ${deliveryAfter}::uuid)
      order by delivery_id limit ${DELIVERIES_PER_PART})`,
  );
  await redactDeliveries(trx, deliveries, { erasure, buyer, deps });
  return deliveries.length < DELIVERIES_PER_PART ? String(orderKey) : `${orderKey}/${deliveries.at(-1)!.delivery_id}`;
};

interface DecisionTexts {
  order_key: bigint;
  revision: number;
  line_id: string;
  explanation: string;
  shared: string | null;
}

/**
 * What is decided stays; but the reasons of orders and of rulings, in which anything may stand, are
 * told in explanations, too.
 */
async function redactDecisions(trx: Transaction<DB>, { clean }: Pass, orderKeys: readonly bigint[]): Promise<void> {
  const { rows } = await sql<DecisionTexts>`
    select order_key, revision, line_id, explanation::text as explanation, order_explanation::text as shared
    from decision where order_key = any(${orderKeys}::bigint[])`.execute(trx);
  const cleaned = await inSlices(rows, (row) => ({
    ...row,
    explanation: clean(row.explanation),
    shared: row.shared === null ? null : clean(row.shared),
  }));
  for (const [index, { order_key, revision, line_id, explanation, shared }] of cleaned.entries()) {
    if (explanation === rows[index]!.explanation && shared === rows[index]!.shared) continue;
    await sql`select redact_decision(${order_key}, ${revision}::int, ${line_id}, ${explanation}::json, ${shared}::json)`.execute(trx);
  }
}

/**
 * What became no report of an order: what waits or cannot be read, and what tells of something
 * else.
 */
const eraseInOtherDeliveries: Part = async (trx, { erasure, buyer, deps }, after) => {
  const deliveries = await lockDeliveries(
    trx,
    sql`delivery_id in (
      select delivery_id from delivery
      where (state in ('parked', 'failed') or reports = 0) and (${after} = '' or delivery_id > nullif(${after}, '')::uuid)
        and (merchant_id = ${buyer.merchantId} or (merchant_id is null and source_id in (
          select source_id from source where source.merchant_id is null or source.merchant_id = ${buyer.merchantId})))
      order by delivery_id limit ${DELIVERIES_PER_PART})`,
  );
  await redactDeliveries(trx, deliveries, { erasure, buyer, deps });
  return deliveries.length < DELIVERIES_PER_PART ? null : deliveries.at(-1)!.delivery_id;
};

interface LockedDelivery extends TakenDelivery {
  error: string | null;
  /** Whose its reports are, by their ordinals. */
  merchants: Record<string, string>;
}

async function lockDeliveries(trx: Transaction<DB>, which: ReturnType<typeof sql>): Promise<LockedDelivery[]> {
  const { rows } = await sql<LockedDelivery>`
    select ${TAKEN_COLUMNS}, error, coalesce((
      select jsonb_object_agg(ordinal, orders.merchant_id) from order_report join orders using (order_key)
      where order_report.delivery_id = delivery.delivery_id
    ), '{}') as merchants
    from delivery where ${which} order by delivery_id for update of delivery`.execute(trx);
  return rows;
}

async function redactDeliveries(
  trx: Transaction<DB>,
  deliveries: readonly LockedDelivery[],
  { erasure, buyer, deps }: Omit<Pass, 'clean'>,
): Promise<void> {
  const sources = await findSources(trx, [...new Set(deliveries.map((delivery) => delivery.source_id))]);
  let written = 0;
  for (const { error, merchants, ...delivery } of deliveries) {
    const merchantOf = (ordinal: number): string | null => merchants[ordinal] ?? null;
    const redactable = { delivery, origin: sources.get(delivery.source_id), error, merchantOf };
    const redaction = await redactDelivery(redactable, [buyer], deps);
    if (redaction === null) continue;
    await writeRedacted(trx, redaction);
    written += 1;
  }
  await addToCount(trx, erasure.erasureId, 'deliveries', written);
}

/** Rows of texts, of which those that change are written anew. */
interface Texts<Row> {
  rows: readonly Row[];
  counted: Counted;
  /** The row without the buyer's words. */
  clean: (row: Row) => Row;
  write: (row: Row) => Promise<unknown>;
}

async function cleanTexts<Row>(trx: Transaction<DB>, { erasure }: Pass, { rows, counted, clean, write }: Texts<Row>): Promise<void> {
  const cleaned = await inSlices(rows, clean);
  const changed = cleaned.filter((row, index) => JSON.stringify(row) !== JSON.stringify(rows[index]));
  for (const row of changed) await write(row);
  await addToCount(trx, erasure.erasureId, counted, changed.length);
}

interface ClaimTexts {
  claim_id: string;
  order_key: string | null;
  evidence: string;
  reason: string | null;
  gathered: string | null;
}

interface LogTexts {
  audit_id: string;
  before: string | null;
  after: string | null;
}

/** The words of promoters and operators about orders, and what the log of changes keeps of them. */
const eraseInClaims: Part = async (trx, pass, after) => {
  const { clean, buyer } = pass;
  const orNull = (text: string | null): string | null => (text === null ? null : clean(text));
  const { rows: claims } = await sql<ClaimTexts>`
    select claim_id, order_key::text as order_key, evidence, reason, gathered::text as gathered from claim
    where merchant_id = ${buyer.merchantId} and (${after} = '' or claim_id > nullif(${after}, '')::uuid)
    order by claim_id limit ${ROWS_PER_PART} for update`.execute(trx);
  await cleanTexts(trx, pass, {
    rows: claims,
    counted: 'claims',
    clean: ({ evidence, reason, gathered, ...claim }) => ({
      ...claim,
      evidence: clean(evidence).slice(0, EVIDENCE_LENGTH_MAX),
      reason: orNull(reason)?.slice(0, REASON_LENGTH_MAX) ?? null,
      gathered: orNull(gathered),
    }),
    write: async (row) => {
      await sql`select redact_claim(${row.claim_id}::uuid, ${row.evidence}, ${row.reason}, ${row.gathered}::jsonb)`.execute(trx);
      if (row.order_key !== null) await redactDecisions(trx, pass, [BigInt(row.order_key)]);
    },
  });
  const { rows: entries } = await sql<LogTexts>`
    select audit_id::text as audit_id, before::text as before, after::text as after from audit_log
    where subject_kind = 'claim' and subject_id = any(${claims.map((claim) => claim.claim_id)}::text[])`.execute(trx);
  await cleanTexts(trx, pass, {
    rows: entries,
    counted: 'log_entries',
    clean: ({ audit_id, before, after: later }) => ({ audit_id, before: orNull(before), after: orNull(later) }),
    write: (row) => sql`select redact_log_entry(${row.audit_id}::bigint, ${row.before}::jsonb, ${row.after}::jsonb)`.execute(trx),
  });
  return claims.length < ROWS_PER_PART ? null : claims.at(-1)!.claim_id;
};

/** What was answered under an Idempotency-Key. */
const eraseInAnswers: Part = async (trx, pass, after) => {
  const [keyId = '', key = ''] = after === '' ? [] : (JSON.parse(after) as string[]);
  const { rows } = await sql<{ key_id: string; key: string; body: string | null }>`
    select key_id, key, body from idempotency_key
    where ${keyId} = '' or (key_id, key) > (nullif(${keyId}, '')::uuid, ${key})
    order by key_id, key limit ${ROWS_PER_PART}`.execute(trx);
  await cleanTexts(trx, pass, {
    rows: rows.filter(({ body }) => body !== null),
    counted: 'answers',
    clean: (row) => ({ ...row, body: pass.clean(row.body!) }),
    write: (row) => sql`update idempotency_key set body = ${row.body} where key_id = ${row.key_id}::uuid and key = ${row.key}`.execute(trx),
  });
  const last = rows.at(-1);
  return last === undefined || rows.length < ROWS_PER_PART ? null : JSON.stringify([last.key_id, last.key]);
};

/** What was told to others, or is still to be told. */
const eraseInMessages: Part = async (trx, pass, after) => {
  const { rows } = await sql<{ message_id: string; body: string }>`
    select message_id, body from webhook_message where ${after} = '' or message_id > nullif(${after}, '')::uuid
    order by message_id limit ${ROWS_PER_PART}`.execute(trx);
  await cleanTexts(trx, pass, {
    rows,
    counted: 'messages',
    clean: (row) => ({ ...row, body: pass.clean(row.body) }),
    write: (row) => sql`update webhook_message set body = ${row.body} where message_id = ${row.message_id}::uuid`.execute(trx),
  });
  return rows.length < ROWS_PER_PART ? null : rows.at(-1)!.message_id;
};
