// What operators set up of their world: merchants, products, promoters, coupon codes, links,
// sources and rules. Written by plain inserts.
import { randomUUID } from 'node:crypto';
import { sql, type Insertable, type Kysely } from 'kysely';
import type { z } from 'zod';
import { addVersion, openBook } from '../../src/commission/rules/rule-store.ts';
import { planSchema, type RuleScope } from '../../src/core/plan.ts';
import { policySchema } from '../../src/core/policy.ts';
import { inTransaction } from '../../src/platform/postgres/database.ts';
import type { DB } from '../../src/platform/postgres/tables.ts';

const BEGINNING = new Date(Date.UTC(2020));

export type PlanInput = z.input<typeof planSchema>;
type Row<Table extends keyof DB> = Partial<Insertable<DB[Table]>>;
type VersionTable = 'merchant_version' | 'product_version' | 'promoter_version' | 'coupon_version';

/**
 * From when on a version counts, now when absent; the first one of a thing counts for all earlier
 * time.
 */
interface Dated {
  from?: string | undefined;
}

interface RuleInput {
  name?: string;
  scope?: RuleScope;
  plan: PlanInput;
  priority?: number;
  /** Since 2020 when absent. */
  from?: string;
  to?: string;
}

async function state(owner: Kysely<DB>, table: VersionTable, id: object, fields: object, { from }: Dated): Promise<void> {
  const same = Object.entries(id).map(([column, value]) => sql`${sql.ref(column)} = ${value}`);
  const { rows } = await sql<{ last: number }>`
    select coalesce(max(version), 0) as last from ${sql.table(table)} where ${sql.join(same, sql` and `)}`.execute(owner);
  const version = rows[0]!.last + 1;
  const effectiveFrom = version === 1 ? '-infinity' : (from ?? new Date());
  const row = { ...id, ...fields, version, effective_from: effectiveFrom, recorded_at: new Date() };
  const columns = sql.join(Object.keys(row).map((column) => sql.ref(column)));
  await sql`insert into ${sql.table(table)} (${columns}) values (${sql.join(Object.values(row))})`.execute(owner);
}

/**
 * The statements about one world; each call is one statement, and a second one of the same thing is
 * its next version.
 */
export function setUp(owner: Kysely<DB>) {
  return {
    async merchant(id: string, { from, ...terms }: Dated & Record<string, unknown> = {}) {
      const { hold_days = 7, currency = 'CNY', time_zone = 'Asia/Shanghai', payouts = 'always', ...more } = terms;
      const { rate_notice_hours = null, rate_lock = 'none', ...policy } = more;
      await sql`insert into merchant (merchant_id, made_at) values (${id}, now()) on conflict do nothing`.execute(owner);
      const stated = {
        currency,
        time_zone,
        hold_days,
        payouts,
        rate_notice_hours,
        rate_lock,
        policy: JSON.stringify(policySchema.parse(policy)),
      };
      const fields = { name: id, landing_hosts: [], ...stated };
      await state(owner, 'merchant_version', { merchant_id: id }, fields, { from });
    },

    async product(merchantId: string, productId: string, { from, ...fields }: Dated & Row<'product_version'> = {}) {
      const id = { merchant_id: merchantId, product_id: productId };
      await owner
        .insertInto('product')
        .values({ ...id, made_at: BEGINNING })
        .onConflict((conflict) => conflict.doNothing())
        .execute();
      await state(owner, 'product_version', id, { title: productId, commissionable: true, ...fields }, { from });
    },

    async promoter(id: string, { from, ...fields }: Dated & Row<'promoter_version'> = {}) {
      await sql`insert into promoter (promoter_id, made_at) values (${id}, now()) on conflict do nothing`.execute(owner);
      const given = { name: id, kind: 'person', status: 'active', coupon_codes: '[]', ...fields };
      await state(owner, 'promoter_version', { promoter_id: id }, given, { from });
    },

    coupon: (merchantId: string, code: string, promoterId: string | null, dated: Dated = {}) =>
      state(owner, 'coupon_version', { merchant_id: merchantId, code }, { promoter_id: promoterId }, dated),

    async link(merchantId: string, promoterId: string, fields: Row<'link'> = {}) {
      const code = fields.code ?? randomUUID().slice(0, 13);
      const from = fields.shared_from ?? null;
      const parent = from === null ? null : await owner.selectFrom('link').selectAll().where('code', '=', from).executeTakeFirstOrThrow();
      const sharers = parent === null ? [] : [parent.promoter_id, ...parent.sharers].filter((id) => id !== promoterId);
      const row = { merchant_id: merchantId, promoter_id: promoterId, landing_url: 'https://shop.example.com/', scene: 'group' };
      await owner
        .insertInto('link')
        .values({ ...row, sharers, made_at: BEGINNING, ...fields, code })
        .execute();
      return code;
    },

    async source(sourceId: string, kind: string) {
      const row = { source_id: sourceId, kind, secrets_set: [], options: '{}', made_at: BEGINNING, changed_at: BEGINNING };
      await owner.insertInto('source').values(row).execute();
    },

    async rule({ name = 'rule', scope = {}, plan, priority = 0, from, to }: RuleInput) {
      const ruleId = randomUUID();
      const effectiveFrom = from === undefined ? BEGINNING : new Date(from);
      const version = { ruleId, version: 1, name, scope, priority, plan: planSchema.parse(plan), effectiveFrom, effectiveTo: null };
      await inTransaction(owner, async ({ trx, now }) => {
        await openBook(trx);
        await addVersion(trx, to === undefined ? version : { ...version, effectiveTo: new Date(to) }, now);
      });
      return ruleId;
    },
  };
}
