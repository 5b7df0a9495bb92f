// Reads orders as they were last awarded, with all their decisions and bookings. Set-wise; in one
// snapshot where its caller's transaction is one.

import { sql, type Kysely } from 'kysely';

import { readHolds } from '../../commission/award/award-store.ts';
import type { LineDecisionKind } from '../../commission/award/decision.ts';
import { progressOf } from '../../commission/award/line-progress.ts';
import type { PinnedPart, PinnedWinner } from '../../commission/award/pin.ts';
import type { LineProgress, WrittenShare } from '../../commission/award/standing-award.ts';
import type { ExplainedLine } from '../../core/explanation.ts';
import type { MergedOrder } from '../../core/merged.ts';
import { viewOrder } from '../../core/order.ts';
import type { Role } from '../../core/party.ts';
import { compareLineIds } from '../../core/split.ts';
import { groupedBy } from '../../platform/grouped-by.ts';
import type { DB } from '../../platform/postgres/tables.ts';
import type { AwardedLine, AwardedOrder, AwardedProgress, AwardedShare, AwardedTransfer, AwardedWinner } from './awarded-order.ts';

interface HeadRow {
  order_key: bigint;
  merchant_id: string;
  source_id: string;
  currency: string | null;
  attribution_at: Date | null;
  revision: number;
  progress: LineProgress[] | null;
  /** Where no progress was written. */
  merged: MergedOrder | null;
}

/** The orders of these keys that were ever awarded, in the order of their keys. */
export async function readAwardedOrders(db: Kysely<DB>, orderKeys: readonly bigint[]): Promise<AwardedOrder[]> {
  if (orderKeys.length === 0) return [];
  const { rows: heads } = await sql<HeadRow>`
    select order_key, award.merchant_id, source_id, award.currency, award.attribution_at, revision, progress,
      case when progress is null then merged end as merged
    from award join orders using (order_key) where order_key = any(${orderKeys.map(String)}::bigint[]) order by order_key`.execute(db);
  const lines = groupedBy(await readLines(db, orderKeys), (line) => line.order_key);
  const scenes = await readScenes(db, [...lines.values()].flat());
  const transfers = await readTransfers(db, orderKeys);
  const holds = await readHolds(db, orderKeys);
  return heads.map((head) => {
    const awarded = lines.get(head.order_key)?.map((line) => awardedLine(line, scenes)) ?? [];
    const released = (holds.get(head.order_key) ?? []).flatMap(({ lineId, releasedAt }) => (releasedAt === null ? [] : [lineId]));
    return {
      orderKey: head.order_key,
      merchantId: head.merchant_id,
      sourceId: head.source_id,
      currency: head.currency,
      attributionAt: head.attribution_at,
      revision: head.revision,
      lines: awarded.toSorted((a, b) => a.revision - b.revision || compareLineIds(a.lineId, b.lineId)),
      transfers: transfers.get(head.order_key) ?? [],
      progress: progressIn(head, awarded, new Set(released)),
    };
  });
}

interface LineRow {
  order_key: bigint;
  revision: number;
  line_id: string;
  product_id: string | null;
  decision: LineDecisionKind;
  quantity: number;
  paid_amount: bigint;
  refunded_amount: bigint;
  shares: WrittenShare[];
  category: string | null;
  winners: PinnedWinner[] | null;
  parts: PinnedPart[] | null;
  /** Where there are several winners: it says which share was divided for whom. */
  explanation: string | null;
}

/**
 * Decisions of before pin no category of the product: they read what had been recorded before
 * statistics were kept, and of that nothing will ever be other.
 */
async function readLines(db: Kysely<DB>, orderKeys: readonly bigint[]): Promise<LineRow[]> {
  const { rows } = await sql<LineRow>`
    select order_key, revision, line_id, product_id, decision, quantity, paid_amount, refunded_amount, shares,
      coalesce(pinned ->> 'category', case
        when pinned ? 'product_category' then pinned ->> 'product_category'
        when pinned is not null then (
          select category from product_version join orders using (merchant_id)
          where orders.order_key = decision.order_key and product_version.product_id = decision.product_id and recorded_xid is null
            and effective_from <= (pinned ->> 'attribution_at')::timestamptz
          order by effective_from desc, version desc limit 1)
      end) as category,
      pinned -> 'winners' as winners, pinned -> 'boost' -> 'parts' as parts,
      case when jsonb_array_length(pinned -> 'winners') > 1 then explanation::text end as explanation
    from decision where order_key = any(${orderKeys.map(String)}::bigint[])`.execute(db);
  return rows;
}

async function readScenes(db: Kysely<DB>, lines: readonly LineRow[]): Promise<Map<string, string>> {
  const codes = new Set(lines.flatMap(({ winners }) => winners?.flatMap((winner) => winner.link_code ?? []) ?? []));
  if (codes.size === 0) return new Map();
  const { rows } = await sql<{ code: string; scene: string }>`select code, scene from link where code = any(${[...codes]}::text[])`.execute(
    db,
  );
  return new Map(rows.map(({ code, scene }) => [code, scene]));
}

function awardedLine(row: LineRow, scenes: ReadonlyMap<string, string>): AwardedLine {
  const winners = row.winners?.map((winner): AwardedWinner => ({
    promoterId: winner.promoter_id,
    weight: BigInt(winner.weight ?? winner.weight_ppm),
    linkCode: winner.link_code,
    scene: (winner.link_code === null ? null : scenes.get(winner.link_code)) ?? null,
    campaignId: winner.campaign_id,
    agencyId: winner.agency_id,
  }));
  return {
    revision: row.revision,
    lineId: row.line_id,
    productId: row.product_id,
    category: row.category,
    decision: row.decision,
    quantity: BigInt(row.quantity),
    paidAmount: row.paid_amount,
    refundedAmount: row.refunded_amount,
    winners: winners ?? [],
    shares: sharesOf(row),
  };
}

/** The shares as they were written: the tree of one winner after the other, then the boosts. */
function sharesOf({ line_id: lineId, shares, parts, explanation }: LineRow): AwardedShare[] {
  const ofTrees = explanation === null ? [] : winnersOfSteps((JSON.parse(explanation) as ExplainedLine).arithmetic);
  const ofBoosts = (parts ?? []).flatMap(({ amount }, winner) => (amount === 0 ? [] : [winner]));
  return shares.flatMap(({ role, level, promoter_id: promoterId, amount, campaign_id: campaignId = null }) => {
    const winner = (role === 'boost' ? ofBoosts : ofTrees).shift() ?? 0;
    return promoterId === null ? [] : [{ lineId, role, level, promoterId, campaignId, winner, amount: BigInt(amount) }];
  });
}

/** For which winner each share that is not zero was reckoned. */
function winnersOfSteps(steps: ExplainedLine['arithmetic']): number[] {
  let winner = -1;
  return steps.flatMap((step) => {
    if (step.step === 'winner') winner++;
    return step.step === 'share' && step.amount !== 0 ? [winner] : [];
  });
}

interface TransferRow {
  order_key: bigint;
  revision: number;
  kind: AwardedTransfer['kind'];
  line_id: string;
  role: Role;
  level: number | null;
  promoter_id: string;
  campaign_id: string | null;
  currency: string;
  amount: bigint;
  booked_at: Date;
}

async function readTransfers(db: Kysely<DB>, orderKeys: readonly bigint[]): Promise<Map<bigint, AwardedTransfer[]>> {
  const { rows } = await sql<TransferRow>`
    select order_key, revision, kind, line_id, role, level, promoter_id, campaign_id, currency, amount, booked_at from transfer
    where order_key = any(${orderKeys.map(String)}::bigint[]) and kind in ('accrue', 'reverse', 'release') and promoter_id is not null
    order by order_key, revision, position`.execute(db);
  const transfers = rows.map(({ order_key: orderKey, ...row }) => ({
    orderKey,
    revision: row.revision,
    kind: row.kind,
    lineId: row.line_id,
    role: row.role,
    level: row.level,
    promoterId: row.promoter_id,
    campaignId: row.campaign_id,
    currency: row.currency,
    amount: row.amount,
    bookedAt: row.booked_at,
  }));
  return groupedBy(transfers, ({ orderKey }) => orderKey);
}

function progressIn(head: HeadRow, lines: readonly AwardedLine[], released: ReadonlySet<string>): Map<string, AwardedProgress> {
  const attributed = lines.filter((line) => line.revision === head.revision && line.decision === 'attributed');
  const isAttributed = new Set(attributed.map(({ lineId }) => lineId));
  const written = head.progress ?? progressOf(viewOrder(head.merged!), (lineId) => isAttributed.has(lineId));
  const told = new Map(written.map((one) => [one.line_id, one]));
  return new Map(
    attributed.map(({ lineId }) => {
      const { is_completed: isCompleted = false, refunds = 0 } = told.get(lineId) ?? {};
      return [lineId, { isCompleted, isReleased: released.has(lineId), refunds }];
    }),
  );
}
