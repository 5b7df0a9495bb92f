// What is known about a claim when it is taken up, kept with it as data. Of the buyer it tells what
// the buyer did, never who that is.
import { sql, type Kysely } from 'kysely';
import { z } from 'zod';
import { DECISION_KINDS } from '../commission/award/decision.ts';
import { EXPLAINED_KINDS, type ExplainedEvidence } from '../core/explanation.ts';
import type { DB } from '../platform/postgres/tables.ts';
import { winnersOf, type ClaimedAward } from './claimed-award.ts';
import { DAY_MS } from '../platform/durations.ts';
import { uuidv7 } from '../platform/uuid.ts';

/**
 * Clicks of anybody are looked for so long before the order only: they are found by their time,
 * among those of all promoters.
 */
const NEAR_MS = DAY_MS;
const NEAR_CLICKS_MAX = 20;
/** Of the ids of one moment none lies before this one. */
const FIRST = new Uint8Array(10);

const piece = z.object({
  line_id: z.string(),
  kind: z.enum(EXPLAINED_KINDS),
  at: z.string(),
  promoter_id: z.string().nullable(),
  won: z.boolean(),
  reason: z.string().nullable().meta({ description: 'Why it lost.' }),
});

export const claimContextSchema = z.object({
  lines: z
    .array(
      z.object({
        line_id: z.string(),
        decision: z.enum(DECISION_KINDS),
        reason: z.string().nullable(),
        evidence: z.enum(EXPLAINED_KINDS).nullable(),
        winners: z.array(z.string()).meta({ description: 'Who has the line. A promoter reads of itself only.' }),
      }),
    )
    .meta({ description: 'Who had won each line, and by what.' }),
  own: z
    .array(piece.extend({ reference: z.string(), link_code: z.string().nullable() }))
    .meta({ description: 'The promoter’s own evidence: on the order, or of its very buyer.' }),
  others: z.array(piece).meta({ description: 'What else the buyer touched or the order names.' }),
  clicks_near: z
    .array(
      z.object({
        click_id: z.string(),
        link_code: z.string(),
        product_id: z.string().nullable(),
        clicked_at: z.string(),
        bot: z.boolean(),
        by_buyer: z.boolean().meta({ description: 'Known to be a click of this very buyer; false: of whom is not known.' }),
      }),
    )
    .meta({ description: 'The latest clicks on the promoter’s links of this merchant in the day before the order.' }),
});

export type ClaimContext = z.output<typeof claimContextSchema>;

/** Whose claim it is, and about which order. */
interface ClaimedOrder {
  promoterId: string;
  merchantId: string;
  attributionAt: Date;
}

/**
 * Gathers what speaks for and against the claim: from the standing explanation, and from the clicks
 * near the order.
 */
export async function readClaimContext(db: Kysely<DB>, standing: ClaimedAward, question: ClaimedOrder): Promise<ClaimContext> {
  const pieces = standing.lines.flatMap((line) => line.explained.evidence.map((one) => ({ ...one, line_id: line.line_id })));
  const own = pieces.filter((one) => one.promoter_id === question.promoterId);
  const byBuyer = new Set(own.filter(isClick).map((one) => one.reference));
  return {
    lines: standing.lines.map((line) => ({
      line_id: line.line_id,
      decision: line.decision,
      reason: line.explained.reason,
      evidence: line.evidence,
      winners: winnersOf(line),
    })),
    own: own.map(({ line_id, kind, reference, at, link_code, promoter_id, won, reason }) => {
      return { line_id, kind, reference, at, link_code, promoter_id, won, reason };
    }),
    others: pieces
      .filter((one) => one.promoter_id !== question.promoterId)
      .map(({ line_id, kind, at, promoter_id, won, reason }) => ({ line_id, kind, at, promoter_id, won, reason })),
    clicks_near: (await clicksNear(db, question)).map(({ clicked_at: clickedAt, ...click }) => ({
      ...click,
      clicked_at: clickedAt.toISOString(),
      by_buyer: byBuyer.has(click.click_id),
    })),
  };
}

const isClick = ({ kind }: ExplainedEvidence) => kind === 'click' || kind === 'click_token';

/**
 * The latest click of the very buyer on a link of the promoter, before the order and by a person:
 * an approved claim rests on it, for its chain and campaign. Null where there is none.
 */
export function clickOfBuyer({ lines }: ClaimedAward, promoterId: string): { linkCode: string; clickedAt: Date } | null {
  const clicks = lines
    .flatMap(({ explained }) => explained.evidence)
    .filter((one) => isClick(one) && one.promoter_id === promoterId && one.reason !== 'bot' && one.reason !== 'after_order')
    .toSorted((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : a.reference < b.reference ? -1 : 1));
  const last = clicks.at(-1);
  return last === undefined ? null : { linkCode: last.link_code!, clickedAt: new Date(last.at) };
}

interface NearClick {
  click_id: string;
  link_code: string;
  product_id: string | null;
  clicked_at: Date;
  bot: boolean;
}

async function clicksNear(db: Kysely<DB>, { promoterId, merchantId, attributionAt }: ClaimedOrder): Promise<NearClick[]> {
  const from = new Date(attributionAt.getTime() - NEAR_MS);
  const { rows } = await sql<NearClick>`
    select click_id, link_code, product_id, clicked_at, bot from click join link on link.code = click.link_code
    where link.promoter_id = ${promoterId} and link.merchant_id = ${merchantId} and clicked_at between ${from} and ${attributionAt}
      and click_id >= ${uuidv7(from.getTime() - DAY_MS, FIRST)}::uuid
    order by clicked_at desc, click_id desc limit ${NEAR_CLICKS_MAX}`.execute(db);
  return rows;
}
