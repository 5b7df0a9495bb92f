// What the cells of an answer count, as SQL: whole grains from the sums, edges and what is not yet
// folded one by one, all in one statement and of one snapshot.

import { sql, type RawBuilder, type Transaction } from 'kysely';

import type { DB } from '../../platform/postgres/tables.ts';
import { clickedIn, clicksRecorded, firstUncounted, linkFacts, linksMade, XID_MAX, type TimeSpan } from '../counting/link-facts.ts';
import { countsOf, type Counts } from './figures.ts';
import { countedKeys, keyConditions, linkFactKeys, linkSumKeys, lookUpsOf, sumKeys, type Keys } from './keys.ts';
import type { Edge, Piece, Plan } from './plan.ts';
import { COUNTED_MEASURES } from './query.ts';
import type { CountedMeasure, Group, KeyFilter, PagePlace, SortKey, StatisticsQuery } from './query.ts';
import { foldedRows, unfoldedRows, type Snapshot } from './snapshot-store.ts';

/** What a statement reads. */
export interface CellQuestion {
  plan: Plan;
  groupBy: readonly Group[];
  filters: Readonly<Partial<Record<Group, KeyFilter>>>;
  currency: string | null;
  basis: StatisticsQuery['basis'];
  from: Date;
  to: Date;
  /** Where the buckets begin; of none, everything is one cell. */
  starts: readonly Date[];
  wantsBuyers: boolean;
}

export interface Cell {
  /** The bucket's place, from 0 on; 0 where there are none. */
  bucket: number;
  keys: (string | null)[];
  currency: string;
  counts: Counts;
}

/** A page of groups, as it is sorted. */
export interface CellPage {
  by: SortKey;
  descending: boolean;
  after: PagePlace | null;
  limit: number;
  /** Only what has one of these is a group. */
  measures: readonly (CountedMeasure | 'buyers')[];
}

type GroupName = Pick<Cell, 'keys' | 'currency'>;
type Sql = RawBuilder<unknown>;

const FIGURES = [...COUNTED_MEASURES, 'buyers'] as const;
type Figure = (typeof FIGURES)[number];
const VISITS: readonly CountedMeasure[] = ['clicks', 'bot_clicks', 'links_made'];
const ORDERS: ReadonlySet<CountedMeasure> = new Set(['orders', 'orders_unattributed'] as const);
const NO_LINKS = sql`(select * from link where false)`;
const UNION = sql` union all `;

/**
 * Groups and distinct buyers are kept by their hash: there are far fewer than is expected of
 * buckets and keys together, and sorting all rows by their texts takes longer than reading them.
 */
async function takeMemory(trx: Transaction<DB>, { groupBy, plan, wantsBuyers }: CellQuestion): Promise<void> {
  if (groupBy.length === 0 && plan.sums !== 'link' && !wantsBuyers) return;
  await sql`
    select set_config('work_mem', '32MB', true), set_config('hash_mem_multiplier', '8', true), set_config('jit', 'off', true)`.execute(trx);
}

/** Every cell of the question that is of one of these groups. */
export async function readCells(
  trx: Transaction<DB>,
  snapshot: Snapshot,
  question: CellQuestion,
  within: GroupName[] | null,
): Promise<Cell[]> {
  await takeMemory(trx, question);
  const { rows } = await sql<CellRow>`
    with ${cells(snapshot, question)}
    select cell.* from cell ${
      within === null
        ? sql``
        : sql`join ${groupRows(within)} using (currency)
      where cell.k1 is not distinct from wanted.k1 and cell.k2 is not distinct from wanted.k2`
    }`.execute(trx);
  return rows.map((row) => cellOf(row, question));
}

/**
 * The groups of a page with what they count over the whole time, and what each was sorted by; one
 * more than the page has where there is a next one.
 */
export async function readGroups(
  trx: Transaction<DB>,
  snapshot: Snapshot,
  question: CellQuestion,
  page: CellPage,
): Promise<(Cell & { value: bigint | null })[]> {
  await takeMemory(trx, question);
  const { rows } = await sql<CellRow & { value: string | null }>`
    with ${cells(snapshot, question)}, sorted as (
      select cell.*, ${sortValue(page.by, question.basis)} as value from cell where ${isThere(page.measures)}
    )
    select * from sorted ${afterPlace(page)} order by ${sortOrder(page.descending)} limit ${page.limit + 1}`.execute(trx);
  return rows.map((row) => ({ ...cellOf(row, question), value: row.value === null ? null : BigInt(row.value) }));
}

type CellRow = Record<Figure, bigint> & { bucket: number; k1: string | null; k2: string | null; currency: string };

function cellOf(row: CellRow, { groupBy }: CellQuestion): Cell {
  const keys = [row.k1, row.k2].slice(0, groupBy.length);
  return { bucket: row.bucket, keys, currency: row.currency, counts: countsOf((figure) => row[figure]) };
}

function groupRows(groups: readonly GroupName[]): Sql {
  const keys = [0, 1].map((place) => groups.map((group) => group.keys[place] ?? null));
  const currencies = groups.map(({ currency }) => currency);
  return sql`unnest(${keys[0]}::text[], ${keys[1]}::text[], ${currencies}::text[]) as wanted (k1, k2, currency)`;
}

/** `part` are the sums of each kind of fact by cell, `cell` those of all of them. */
function cells(snapshot: Snapshot, question: CellQuestion): Sql {
  const sums = FIGURES.map((figure) => sql`sum(${sql.ref(figure)})::bigint as ${sql.ref(figure)}`);
  return sql`part (bucket, k1, k2, currency, ${sql.join(FIGURES.map((figure) => sql.ref(figure)))}) as (
      ${sql.join(parts(snapshot, question), UNION)}
    ), cell as (
      select bucket, k1, k2, currency, ${sql.join(sums)} from part group by bucket, k1, k2, currency
    )`;
}

function parts(snapshot: Snapshot, question: CellQuestion): Sql[] {
  const { plan, wantsBuyers } = question;
  const { pieces, edges, sums } = plan;
  const found = [notFolded(snapshot, question)];
  if (pieces.length > 0) found.push(sums === 'link' ? linkSums(question) : wholeSums(question, sums));
  if (edges.length > 0) found.push(edgeVisits(snapshot, question));
  // Orders of a link's sums are counted one by one, wherever they lie.
  const counted = sums === 'link' ? within(question) : inSpans(sql`at`, edges);
  if (sums === 'link' || edges.length > 0) found.push(...ordersOf(question, foldedRows(counted)));
  const unfolded = unfoldedRows(snapshot);
  if (unfolded !== null) found.push(...ordersOf(question, unfolded));
  if (wantsBuyers) found.push(buyers(question));
  return found;
}

/** Sums that have every figure. Visits stand with the basis of orders. */
function wholeSums(question: CellQuestion, sums: 'merchant' | 'promoter'): Sql {
  const keys = sumKeys(sums);
  const figures = Object.fromEntries(COUNTED_MEASURES.map((figure) => [figure, ofBasis(question, figure, sql.ref(figure))]));
  return sql`select ${cellKeys(question, keys, sql`at`)}, ${only(figures)}
    from ${sql.table(`${sums}_rollup`)}
    where ${inPieces(question.plan.pieces)} and ${basesOf(question)} and ${conditions(question, keys)} group by 1, 2, 3, 4`;
}

/** Clicks and the making of links. */
function linkSums(question: CellQuestion): Sql {
  return sql`select ${cellKeys(question, linkSumKeys, sql`link_rollup.at`)}, ${only(sumsOf(VISITS))}
    from link_rollup join link on link.code = link_rollup.link_code
    join merchant_version as terms on terms.merchant_id = link.merchant_id and terms.version = 1
    where ${inPieces(question.plan.pieces)} and ${conditions(question, linkSumKeys)} group by 1, 2, 3, 4`;
}

/**
 * Rows of `counted`: what adds up in one pass, and in another the orders, each once in every cell
 * that it has won something of.
 */
function ordersOf(question: CellQuestion, rows: Sql): Sql[] {
  const figures = COUNTED_MEASURES.filter((figure) => !VISITS.includes(figure) && !ORDERS.has(figure));
  const amounts = Object.fromEntries(figures.map((figure) => [figure, ofBasis(question, figure, sql`sign * ${sql.ref(figure)}`)]));
  const asked = sql`from (${rows}) as fact where ${within(question)} and ${conditions(question, countedKeys)}`;
  const sums = sql`select ${cellKeys(question, countedKeys, sql`at`)}, ${only(amounts)} ${asked} and ${basesOf(question)} group by 1, 2, 3, 4`;
  const orders = {
    orders: sql`sum(sign) filter (where wins_order)`,
    orders_unattributed: sql`sum(sign) filter (where unattributed)`,
  };
  const once = sql`select ${cellKeys(question, countedKeys, sql`at`)}, order_key, sign, wins_order, unattributed ${asked}
    and basis = 'order' and (wins_order or unattributed) group by 1, 2, 3, 4, 5, 6, 7, 8`;
  return [sums, sql`select bucket, k1, k2, currency, ${only(orders)} from (${once}) as by_order group by 1, 2, 3, 4`];
}

/** Which rows a question reads: what is no commission stands with the basis of orders alone. */
function basesOf({ basis }: CellQuestion): Sql {
  return basis === 'order' ? sql`basis = 'order'` : sql`basis in ('order', 'booking')`;
}

/** A sum of the rows of its basis, where there are those of two. */
function ofBasis({ basis }: CellQuestion, figure: CountedMeasure, amount: Sql): Sql {
  if (basis === 'order') return sql`sum(${amount})`;
  return sql`coalesce(sum(${amount}) filter (where basis = ${figure.startsWith('commission_') ? 'booking' : 'order'}), 0)`;
}

const sumsOf = (figures: readonly CountedMeasure[]): Partial<Record<Figure, Sql>> =>
  Object.fromEntries(figures.map((figure) => [figure, sql`sum(${sql.ref(figure)})`]));

/** Clicks and links between the whole grains, as far as they are folded. */
function edgeVisits({ below }: Snapshot, question: CellQuestion): Sql {
  const each = question.plan.edges.map(({ from, until }) => ({ from: new Date(from), to: new Date(until) }));
  const clicks = each.map(
    (edge) => sql`select * from click where ${clickedIn(edge)} and (recorded_xid < ${below} or recorded_xid is null)`,
  );
  const links = each.map((edge) => sql`select * from link where ${madeIn(edge, question)} and (made_xid < ${below} or made_xid is null)`);
  return visits(question, { clicks: sql`(${sql.join(clicks, UNION)})`, links: sql`(${sql.join(links, UNION)})` }, sql`true`);
}

/** Clicks and links that are committed, and not folded. */
function notFolded({ below, completeAt, hasLateClicks }: Snapshot, question: CellQuestion): Sql {
  const isRecent = sql`recorded_xid >= ${below} and recorded_xid < ${XID_MAX} and click_id >= ${firstUncounted(completeAt)}`;
  const clicks = hasLateClicks ? clicksRecorded({ from: below, completeAt }) : sql`(select * from click where ${isRecent})`;
  return visits(question, { clicks, links: linksMade({ from: below }) }, within(question));
}

function visits(question: CellQuestion, facts: Parameters<typeof linkFacts>[0], time: Sql): Sql {
  return sql`select ${cellKeys(question, linkFactKeys, sql`at`)}, ${only(sumsOf(VISITS))}
    from ${linkFacts(facts, lookUps(question))} as fact where ${time} and ${conditions(question, linkFactKeys)} group by 1, 2, 3, 4`;
}

/** Each buyer once in each cell: counted by groups of groups, which takes no sorting. */
function buyers(question: CellQuestion): Sql {
  const clicks = sql`(select * from click where ${clickedIn(question)} and not bot and identity is not null)`;
  return sql`select bucket, k1, k2, currency, ${only({ buyers: sql`count(*)` })} from (
      select ${cellKeys(question, linkFactKeys, sql`at`)}, identity
      from ${linkFacts({ clicks, links: NO_LINKS }, lookUps(question))} as fact where ${conditions(question, linkFactKeys)} group by 1, 2, 3, 4, 5
    ) as buyer group by 1, 2, 3, 4`;
}

const lookUps = ({ groupBy, filters }: CellQuestion) => lookUpsOf([...groupBy, ...(Object.keys(filters) as Group[])]);

/** Said of links themselves too: few promoters are not looked for among all links. */
function madeIn({ from, to }: TimeSpan, { filters }: CellQuestion): Sql {
  const { promoter, merchant } = filters;
  const ofLinks = { ...(promoter && { promoter }), ...(merchant && { merchant }) };
  return sql`made_at >= ${from} and made_at < ${to} and ${keyConditions(ofLinks, linkFactKeys)}`;
}

/** The columns by which facts are summed: the bucket, two keys, the currency. */
function cellKeys({ groupBy, starts }: CellQuestion, keys: Keys, at: Sql): Sql {
  const [first, second] = groupBy.map((group) => sql`${keys[group]}::text`);
  const bucket = starts.length === 0 ? sql`0` : sql`width_bucket(${at}, ${[...starts]}::timestamptz[]) - 1`;
  return sql`${bucket} as bucket, ${first ?? sql`null::text`} as k1, ${second ?? sql`null::text`} as k2, ${keys.currency} as currency`;
}

function conditions({ filters, currency }: CellQuestion, keys: Keys): Sql {
  const ofCurrency = currency === null ? sql`true` : sql`${keys.currency} = ${currency}`;
  return sql`${ofCurrency} and ${keyConditions(filters, keys)}`;
}

/** Every figure in its order: those that are given, and nothing of the others. */
function only(figures: Partial<Record<string, Sql>>): Sql {
  return sql.join(FIGURES.map((figure) => figures[figure] ?? sql`0`));
}

const within = ({ from, to }: Pick<CellQuestion, 'from' | 'to'>): Sql => sql`at >= ${from} and at < ${to}`;

function inSpans(at: Sql, spans: readonly Edge[]): Sql {
  const each = spans.map(({ from, until }) => sql`${at} >= ${new Date(from)} and ${at} < ${new Date(until)}`);
  return sql`(${sql.join(each, sql` or `)})`;
}

function inPieces(pieces: readonly Piece[]): Sql {
  const each = pieces.map(
    ({ grain, from, until }) => sql`grain_minutes = ${sql.lit(grain)} and at >= ${new Date(from)} and at < ${new Date(until)}`,
  );
  return sql`(${sql.join(each, sql` or `)})`;
}

function isThere(measures: CellPage['measures']): Sql {
  return sql`(${sql.join(
    measures.map((measure) => sql`${sql.ref(measure)} <> 0`),
    sql` or `,
  )})`;
}

function sortValue(by: SortKey, basis: StatisticsQuery['basis']): Sql {
  const commission = sql`commission_estimated + commission_confirmed + commission_released`;
  if (by === 'commission') return commission;
  if (by === 'conversion_ppm') return sql`floor(orders * 1000000::numeric / nullif(clicks, 0))`;
  if (by === 'earnings_per_click') return sql`floor((${commission})::numeric / nullif(clicks, 0))`;
  if (by === 'commission_confirmed' && basis === 'booking') return sql`null::bigint`;
  return sql.ref(by);
}

/** What has no value comes last, whichever way it is sorted. */
function sortOrder(descending: boolean): Sql {
  const value = descending ? sql`-value` : sql`value`;
  return sql`value is null, ${value}, k1 is null, k1, k2 is null, k2, currency`;
}

function afterPlace({ after, descending }: CellPage): Sql {
  if (after === null) return sql``;
  const [first = null, second = null] = after.keys;
  const value = descending ? sql`-value` : sql`value`;
  const afterValue = after.value === null ? 0n : descending ? -after.value : after.value;
  return sql`where (value is null, coalesce(${value}, 0), k1 is null, coalesce(k1, ''), k2 is null, coalesce(k2, ''), currency)
    > (${after.value === null}, ${afterValue}::numeric, ${first === null}, ${first ?? ''}, ${second === null}, ${second ?? ''}, ${after.currency})`;
}
