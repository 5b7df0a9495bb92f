// Links in the database: made set-wise, never changed, found by their code.

import { sql, type Kysely, type Transaction } from 'kysely';

import { DomainError } from '../../core/errors.ts';
import type { Actor } from '../../platform/keys/actor.ts';
import { recordChanges } from '../../platform/keys/audit-log.ts';
import type { DB } from '../../platform/postgres/tables.ts';
import { unnestOf } from '../../platform/postgres/unnest.ts';
import { cutLanding, isAllowed } from './landing.ts';
import type { LiveLink } from './link-cache.ts';
import { planLink, sameLink, type LinkTerms, type LinkRow, type LinkWish } from './link.ts';
import { visitorTag } from '../clicks/visitor.ts';
import { DAY_MS } from '../../platform/durations.ts';

/** A link that was made, or why it was not. */
export type MadeLink = LinkRow | DomainError;

/**
 * Makes the links of these wishes; each is made or refused by itself, and the results stand in the
 * order of the wishes. A wish that names a code is refused with `conflict` when another link has
 * it; when that link says the same, it is the answer.
 */
export async function makeLinks(
  trx: Transaction<DB>,
  wishes: readonly LinkWish[],
  { actor, now }: { actor: Actor; now: Date },
): Promise<MadeLink[]> {
  const facts = await readFacts(trx, wishes);
  const made: LinkRow[] = [];
  const results = wishes.map((wish): MadeLink => {
    const planned = orRefusal(() => planLink(wish, facts, now));
    if (planned instanceof DomainError) return planned;
    const known = facts.links.get(planned.code);
    if (known !== undefined) return sameLink(known, planned) ? known : taken(planned.code);
    facts.links.set(planned.code, planned);
    made.push(planned);
    return planned;
  });
  const lost = await insertLinks(trx, made);
  if (actor.scope === 'admin') {
    await recordMade(
      trx,
      actor,
      now,
      made.filter(({ code }) => !lost.has(code)),
    );
  }
  return results.map((result) => (!(result instanceof DomainError) && lost.has(result.code) ? taken(result.code) : result));
}

/**
 * Links are the daily work of storefronts and promoters; what an operator makes is on record as all
 * that operators do.
 */
async function recordMade(trx: Transaction<DB>, actor: Actor, now: Date, links: readonly LinkRow[]): Promise<void> {
  await recordChanges(
    trx,
    links.map((link) => ({ actor, now, action: 'link_made', subjectKind: 'link', subjectId: link.code, before: null, after: link })),
  );
}

function orRefusal(plan: () => LinkRow): MadeLink {
  try {
    return plan();
  } catch (error) {
    if (error instanceof DomainError) return error;
    throw error;
  }
}

function taken(code: string): DomainError {
  return new DomainError('conflict', `The code ${code} is the code of another link.`, { errors: [{ path: 'code', message: 'is taken' }] });
}

/**
 * Refuses with `link_limit` a promoter's own key that would make more than `perDay` links within 24
 * hours; those of before count, whoever made them. The promoter is locked, so that many requests at
 * once make no more than one after the other. Imports and keys of storefronts and operators are not
 * limited.
 */
export async function refuseTooManyLinks(
  trx: Transaction<DB>,
  actor: Actor,
  { more, perDay, now }: { more: number; perDay: number; now: Date },
): Promise<void> {
  const { promoterId } = actor;
  if (promoterId === null) return;
  await sql`select from promoter where promoter_id = ${promoterId} for no key update`.execute(trx);
  // As many as may be there beside the new ones are passed over; the next one, where there is one,
  // must have left the day first.
  const { rows } = await sql<{ made_at: Date }>`
    select made_at from link where promoter_id = ${promoterId} and made_at > ${new Date(now.getTime() - DAY_MS)}
    order by made_at desc, code desc offset ${perDay - more} limit 1`.execute(trx);
  if (rows[0] === undefined) return;
  const retryAfterSeconds = Math.max(1, Math.ceil((rows[0].made_at.getTime() + DAY_MS - now.getTime()) / 1000));
  throw new DomainError('link_limit', `A promoter's key makes at most ${perDay} links within 24 hours.`, { retryAfterSeconds });
}

/** The link that a wish would make now. Throws what `planLink` throws. */
export async function planAhead(trx: Transaction<DB>, wish: LinkWish, now: Date): Promise<LinkRow> {
  return planLink(wish, await readFacts(trx, [wish]), now);
}

/** Inserts the links, and returns the codes that somebody else has taken meanwhile. */
async function insertLinks(trx: Transaction<DB>, links: readonly LinkRow[]): Promise<Set<string>> {
  const missing = new Set(links.map((link) => link.code));
  if (links.length === 0) return missing;
  const { rows } = await sql<{ code: string }>`
    insert into link (code, merchant_id, promoter_id, product_id, landing_url, scene, content_id, talent_id, shared_from, sharers,
      campaign_id, expires_at, made_at, made_xid)
    select code, merchant_id, promoter_id, product_id, landing_url, scene, content_id, talent_id, shared_from, sharers,
      campaign_id, expires_at, made_at, (select ledger_xid())
    from jsonb_to_recordset(${JSON.stringify(links)}::jsonb) as made (code text, merchant_id text, promoter_id text, product_id text,
      landing_url text, scene text, content_id text, talent_id text, shared_from text, sharers text[], campaign_id text,
      expires_at timestamptz, made_at timestamptz)
    on conflict (code) do nothing returning code`.execute(trx);
  for (const { code } of rows) missing.delete(code);
  return missing;
}

async function readFacts(trx: Transaction<DB>, wishes: readonly LinkWish[]): Promise<LinkTerms> {
  const promoterIds = new Set(wishes.flatMap((wish) => [wish.promoter_id, wish.talent_id]).filter((id) => id !== null));
  const codes = new Set(wishes.flatMap((wish) => [wish.code, wish.shared_from]).filter((code) => code !== null));
  const hosts = await readHosts(trx, new Set(wishes.map((wish) => wish.merchant_id)));
  const landings = await readProductLandings(trx, wishes);
  const promoters = await trx
    .selectFrom('promoter')
    .select('promoter_id')
    .where('promoter_id', 'in', [...promoterIds])
    .execute();
  const links = codes.size === 0 ? [] : await readLinks(trx, codes);
  return {
    hosts,
    landings,
    promoters: new Set(promoters.map((row) => row.promoter_id)),
    links: new Map(links.map((link) => [link.code, link])),
  };
}

async function readHosts(trx: Transaction<DB>, merchantIds: ReadonlySet<string>): Promise<Map<string, string[]>> {
  const { rows } = await sql<{ merchant_id: string; landing_hosts: string[] }>`
    select distinct on (merchant_id) merchant_id, landing_hosts from merchant_version
    where merchant_id = any(${[...merchantIds]}::text[]) and effective_from <= clock_timestamp()
    order by merchant_id, effective_from desc, version desc`.execute(trx);
  return new Map(rows.map((row) => [row.merchant_id, row.landing_hosts]));
}

/**
 * The landing URLs of the wished products, null where a product has none, by `merchant \0 product`.
 */
async function readProductLandings(trx: Transaction<DB>, wishes: readonly LinkWish[]): Promise<Map<string, string | null>> {
  const wanted = wishes.filter((wish) => wish.product_id !== null && wish.landing_url === null);
  if (wanted.length === 0) return new Map();
  const { rows } = await sql<{ merchant_id: string; product_id: string; landing_url: string | null }>`
    select distinct on (merchant_id, product_id) merchant_id, product_id, landing_url
    from ${unnestOf(wanted, { merchant_id: ['text', (wish) => wish.merchant_id], product_id: ['text', (wish) => wish.product_id] }, 'wanted')}
    join product_version using (merchant_id, product_id) where effective_from <= clock_timestamp()
    order by merchant_id, product_id, effective_from desc, version desc`.execute(trx);
  return new Map(rows.map((row) => [`${row.merchant_id}\0${row.product_id}`, row.landing_url]));
}

const LINK_COLUMNS = [
  'code',
  'merchant_id',
  'promoter_id',
  'product_id',
  'landing_url',
  'scene',
  'content_id',
  'talent_id',
  'shared_from',
  'sharers',
  'campaign_id',
  'expires_at',
  'made_at',
] as const satisfies (keyof LinkRow)[];

async function readLinks(db: Kysely<DB>, codes: Iterable<string>): Promise<LinkRow[]> {
  const { rows } =
    await sql<LinkRow>`select ${sql.join(LINK_COLUMNS.map((name) => sql.ref(name)))} from link where code = any(${[...codes]}::text[])`.execute(
      db,
    );
  return rows;
}

/** The link of a code; null when there is none. */
export async function findLink(db: Kysely<DB>, code: string): Promise<LinkRow | null> {
  const [link] = await readLinks(db, [code]);
  return link ?? null;
}

interface LinkFilter {
  promoterId: string;
  merchantId: string | null;
}

/**
 * Links of a promoter, the newest first, one more than asked for; `after` is the place of the last
 * one that was read.
 */
export async function listLinks(
  db: Kysely<DB>,
  { promoterId, merchantId }: LinkFilter,
  { limit, after }: { limit: number; after: { madeAt: string; code: string } | null },
): Promise<LinkRow[]> {
  let query = db
    .selectFrom('link')
    .select(LINK_COLUMNS)
    .where('promoter_id', '=', promoterId)
    .orderBy('made_at', 'desc')
    .orderBy('code', 'desc')
    .limit(limit + 1);
  if (merchantId !== null) query = query.where('merchant_id', '=', merchantId);
  if (after !== null) query = query.where(sql<boolean>`(made_at, code) < (${after.madeAt}::timestamptz, ${after.code})`);
  return (await query.execute()) as LinkRow[];
}

interface LiveRow {
  code: string;
  merchant_id: string;
  landing_url: string;
  expires_at: Date | null;
  landing_hosts: string[];
  status: string;
  tracked: string | null;
}

/** The links of these codes as the redirect needs them, with what is in force now. */
export async function readLiveLinks(db: Kysely<DB>, codes: readonly string[]): Promise<LiveLink[]> {
  const { rows } = await sql<LiveRow>`
    select code, link.merchant_id, landing_url, expires_at, landing_hosts, status, tracked.url as tracked from link
    left join lateral (
      select url from tracked_link where tracked_link.code = link.code
        and (tracked_link.expires_at is null or tracked_link.expires_at > clock_timestamp())
    ) as tracked on true,
    lateral (
      select landing_hosts from merchant_version as stated where stated.merchant_id = link.merchant_id
        and effective_from <= clock_timestamp() order by effective_from desc, version desc limit 1
    ) as merchant,
    lateral (
      select status from promoter_version as stated where stated.promoter_id = link.promoter_id
        and effective_from <= clock_timestamp() order by effective_from desc, version desc limit 1
    ) as promoter
    where code = any(${codes}::text[])`.execute(db);
  return rows.map((row) => ({
    code: row.code,
    merchantId: row.merchant_id,
    landing: isAllowed(new URL(row.landing_url), row.landing_hosts) ? cutLanding(row.landing_url) : null,
    tracked: row.tracked,
    visitorTag: visitorTag(row.merchant_id),
    active: row.status === 'active',
    expiresAt: row.expires_at?.getTime() ?? Infinity,
  }));
}
