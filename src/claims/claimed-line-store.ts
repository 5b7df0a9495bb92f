// The lines that claims are about, as the awards before and after decided them. Decisions are kept
// for good, so claims need no copy of them.
import { sql, type Kysely } from 'kysely';
import type { StandingDecision } from '../commission/award/standing-award.ts';
import type { DB } from '../platform/postgres/tables.ts';

export type ClaimedLine = Pick<StandingDecision, 'line_id' | 'decision' | 'evidence' | 'promoter_id' | 'shares'>;

interface ClaimedLines {
  before: ClaimedLine[];
  after: ClaimedLine[];
}

type ClaimedRow = ClaimedLine & { claim_id: string; is_after: boolean };

/** The claimed lines of these claims, by claim; nothing of those that moved nothing. */
export async function readClaimedLines(db: Kysely<DB>, claimIds: readonly string[]): Promise<Map<string, ClaimedLines>> {
  const { rows } = await sql<ClaimedRow>`
    select claim_id, asked.is_after, decision.line_id, decision.decision, decision.evidence, decision.promoter_id, decision.shares
    from claim cross join lateral (values (false, revision_before), (true, revision_after)) as asked (is_after, revision)
    join decision on decision.order_key = claim.order_key and decision.revision = asked.revision
    where claim_id = any(${claimIds}::uuid[]) and (claim.line_id is null or claim.line_id = decision.line_id)
    order by claim_id, decision.line_id`.execute(db);
  const byClaim = new Map<string, ClaimedLines>();
  for (const { claim_id: claimId, is_after: isAfter, ...line } of rows) {
    const lines = byClaim.get(claimId) ?? { before: [], after: [] };
    lines[isAfter ? 'after' : 'before'].push(line);
    byClaim.set(claimId, lines);
  }
  return byClaim;
}
