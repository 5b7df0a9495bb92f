// A small world: two merchants, three promoters, a rule for each base. Written by plain inserts, so
// that each test can say exactly which row it breaks.

import { createHash } from 'node:crypto';

import type { Insertable, Kysely } from 'kysely';

import { defaultPolicy } from '../../src/core/policy.ts';
import type { DB } from '../../src/platform/postgres/tables.ts';
import { uuidv7 } from '../../src/platform/uuid.ts';
import { DAY_MS } from '../../src/platform/durations.ts';

/** Days before now, to the millisecond, as everything that is recorded. */
export const ago = (days: number): Date => new Date(Date.now() - days * DAY_MS);

export const KEY_ID = uuidv7(Date.now());
export const BUYER = '11111111-1111-4111-8111-111111111111';
export const CLICK = uuidv7(Date.now() - 21 * DAY_MS);

/** What the worked example splits: 10 % of what was paid, by agency, promoter and upline. */
export const PLAN = {
  base: 'paid_amount',
  currency: null,
  rate_ppm: 100_000,
  fixed_per_unit: 0,
  cap_per_line: null,
  cap_per_order: null,
  split: [
    {
      to: 'agency',
      share_ppm: 1_000_000,
      pays: [{ to: 'promoter', share_ppm: 700_000, pays: [{ to: 'upline', level: 1, share_ppm: 100_000, pays: [] }] }],
    },
  ],
};

const PLATFORM_PLAN = {
  ...PLAN,
  base: 'platform_commission',
  rate_ppm: 1_000_000,
  split: [
    { to: 'promoter', share_ppm: 700_000, pays: [] },
    { to: 'platform', share_ppm: 300_000, pays: [] },
  ],
};

const SUBJECTS = [
  ['merchant', 'm1'],
  ['merchant', 'm2'],
  ['product', 'm1/p1'],
  ['promoter', 'a1'],
  ['promoter', 'alice'],
  ['promoter', 'bob'],
  ['source', 'shop1'],
  ['source', 'shop2'],
  ['rule', 'r1'],
  ['rule', 'r2'],
  ['mapping', 'shop1/pid/b'],
  ['key', KEY_ID],
] as const;

/** Who sells, shares and splits, each with its entry in the audit log. */
export async function foundWorld(db: Kysely<DB>): Promise<void> {
  const at = ago(90);
  await db
    .insertInto('api_key')
    .values({ key_id: KEY_ID, hash: createHash('sha256').update(KEY_ID).digest(), scope: 'admin', label: 'a key', made_at: at })
    .execute();
  for (const merchant_id of ['m1', 'm2']) {
    await db.insertInto('merchant').values({ merchant_id, made_at: at }).execute();
    await db
      .insertInto('merchant_version')
      .values({
        merchant_id,
        version: 1,
        effective_from: '-infinity',
        recorded_at: at,
        name: merchant_id,
        currency: 'CNY',
        landing_hosts: ['shop.example.com'],
        hold_days: 7,
        policy: JSON.stringify(defaultPolicy),
      })
      .execute();
  }
  await db.insertInto('product').values({ merchant_id: 'm1', product_id: 'p1', made_at: at }).execute();
  await db
    .insertInto('product_version')
    .values({
      merchant_id: 'm1',
      product_id: 'p1',
      version: 1,
      effective_from: '-infinity',
      recorded_at: at,
      title: 'A',
      commissionable: true,
    })
    .execute();
  await foundPromoters(db, at);
  for (const source_id of ['shop1', 'shop2']) {
    await db
      .insertInto('source')
      .values({ source_id, kind: 'shopify', merchant_id: 'm1', secrets_set: [], options: '{}', made_at: at, changed_at: at })
      .execute();
  }
  await foundRules(db, at);
  const audited = SUBJECTS.map(([kind, id]) => auditOf(kind, id, at));
  await db.insertInto('audit_log').values(audited).execute();
}

export function auditOf(subject_kind: string, subject_id: string, recorded_at: Date): Insertable<DB['audit_log']> {
  return { recorded_at, key_id: KEY_ID, action: `${subject_kind}_stated`, subject_kind, subject_id };
}

async function foundPromoters(db: Kysely<DB>, at: Date): Promise<void> {
  const promoters = [
    { promoter_id: 'a1', kind: 'agency', inviter_id: null, agency_id: null },
    { promoter_id: 'alice', kind: 'person', inviter_id: null, agency_id: null },
    { promoter_id: 'bob', kind: 'person', inviter_id: 'alice', agency_id: 'a1' },
  ];
  for (const promoter of promoters) {
    await db.insertInto('promoter').values({ promoter_id: promoter.promoter_id, made_at: at }).execute();
    await db
      .insertInto('promoter_version')
      .values({
        ...promoter,
        version: 1,
        effective_from: '-infinity',
        recorded_at: at,
        name: promoter.promoter_id,
        status: 'active',
        coupon_codes: '[]',
      })
      .execute();
  }
  const link = { merchant_id: 'm1', landing_url: 'https://shop.example.com/', scene: 'group', made_at: ago(80) };
  await db
    .insertInto('link')
    .values({ ...link, code: 'bobs-link', promoter_id: 'bob', product_id: 'p1', sharers: [] })
    .execute();
  await db
    .insertInto('link')
    .values({ ...link, code: 'alices-link', promoter_id: 'alice', sharers: ['bob'], shared_from: 'bobs-link' })
    .execute();
  await db
    .insertInto('click')
    .values({ click_id: CLICK, link_code: 'bobs-link', clicked_at: ago(21), bot: false })
    .execute();
  await db.insertInto('buyer_identity').values({ identity: BUYER, buyer: BUYER, merchant_id: 'm1' }).execute();
}

async function foundRules(db: Kysely<DB>, at: Date): Promise<void> {
  const rules = [
    { rule_id: 'r1', plan: PLAN },
    { rule_id: 'r2', plan: PLATFORM_PLAN },
  ];
  for (const { rule_id, plan } of rules) {
    await db.insertInto('rule').values({ rule_id, made_at: at }).execute();
    await db
      .insertInto('rule_version')
      .values({
        rule_id,
        version: 1,
        name: rule_id,
        scope: JSON.stringify({ merchant_id: 'm1' }),
        scope_key: rule_id,
        priority: 0,
        effective_from: ago(85),
        plan: JSON.stringify(plan),
        recorded_at: at,
      })
      .execute();
  }
  await db
    .insertInto('mapping_version')
    .values({ source_id: 'shop1', type: 'pid', value: 'b', version: 1, effective_from: '-infinity', recorded_at: at, promoter_id: 'bob' })
    .execute();
}
