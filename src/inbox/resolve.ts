// Whom a report means: its merchant, and the promoters and links that its source knows under words
// of its own. Set-wise.
import { sql, type Transaction } from 'kysely';

import type { NamedEvidence } from '../core/report.ts';
import type { DB } from '../platform/postgres/tables.ts';
import { unnestOf } from '../platform/postgres/unnest.ts';
import { mappingsAsOf, mappingWait, missingTargets, SHOP } from '../sources/connections/mapping-store.ts';
import type { MappingTarget, Word } from '../sources/connections/mapping-store.ts';
import type { PlatformName } from '../sources/source.ts';
import { REST } from '../sources/connections/source-fields.ts';
import { ownerWait } from './parking.ts';
import type { DeliveredReport } from './read.ts';

/** The types of the words that stand in the fields of a report. */
const PROMOTER = 'promoter';
const TALENT = 'talent';

export type Resolution =
  | { status: 'failed'; error: string }
  | { status: 'parked'; reason: 'unknown_merchant' | 'unmapped_shop' | 'order_too_large'; waitsFor: string }
  | { status: 'resolved'; merchantId: string; named: Map<string | null, NamedEvidence>; waitsFor: string[] };

/** Resolves reports, in their order, by what is known now. */
export async function resolveReports(trx: Transaction<DB>, reports: readonly DeliveredReport[]): Promise<Resolution[]> {
  const words = reports.flatMap(sourceWordsOf);
  const meanings = await mappingsAsOf(trx, words);
  const byWord = new Map(words.map((word, index) => [wordName(word), meanings[index]!]));
  const missing = await missingTargets(trx, reports.flatMap(ownIdsOf));
  const owners = await readOwners(trx, reports);
  const known: Known = {
    meaningOf: ({ origin: { sourceId }, asOf }, type, value) => byWord.get(wordName({ sourceId, type, value, at: asOf })) ?? null,
    isMissing: (column, id) => missing.has(`${column}:${id}`),
    ownerOf: (report) => owners.get(ownerWaitOf(report)) ?? null,
  };
  return reports.map((report) => resolveOne(report, known));
}

/** What was found for a batch: the meanings of words, and which of our own ids do not exist. */
interface Known {
  meaningOf: (report: DeliveredReport, type: string, value: string) => MappingTarget | null;
  isMissing: (column: keyof MappingTarget, id: string) => boolean;
  /** The merchant of the order, as other reports of the source have named it. */
  ownerOf: (report: DeliveredReport) => string | null;
}

const ownerWaitOf = ({ sourceId, content }: DeliveredReport): string => ownerWait({ sourceId, orderId: content.order_id });

/**
 * The merchants of orders that reports are about which name nobody whose they are, by what waits
 * for it: a source of many shops may name them in its orders only, and not in its refunds. An order
 * that two merchants have is nobody's.
 */
export async function readOwners(trx: Transaction<DB>, reports: readonly DeliveredReport[]): Promise<Map<string, string>> {
  const nameless = reports.filter(({ origin, content, shop }) => origin.merchantId === null && shop === null && !content.merchant_id);
  if (nameless.length === 0) return new Map();
  const { rows } = await sql<{ source_id: string; order_id: string; merchant_id: string }>`
    select source_id, order_id, min(merchant_id) as merchant_id
    from (
      select distinct source_id, order_id
      from ${unnestOf(nameless, { source_id: ['text', (one) => one.sourceId], order_id: ['text', (one) => one.content.order_id] }, 'told')}
    ) as asked
    join orders using (source_id, order_id)
    group by source_id, order_id having count(*) = 1`.execute(trx);
  return new Map(rows.map((row) => [ownerWait({ sourceId: row.source_id, orderId: row.order_id }), row.merchant_id]));
}

export type AskedWord = Word & { at: Date };

/** One text for a word at its time. */
export const wordName = ({ sourceId, type, value, at }: AskedWord): string => `${sourceId}\0${type}\0${value}\0${at.getTime()}`;

/**
 * Where a report names somebody: the order (null) or one of its lines, in our words or in those of
 * its source.
 */
interface Naming {
  lineId: string | null;
  promoterId: string | null;
  talentId: string | null;
  names: readonly PlatformName[];
}

/** The order's naming and those of the lines that have any. */
function namingsOf({ content, names }: DeliveredReport): Naming[] {
  const of = (
    lineId: string | null,
    fields: { promoter_id?: string | null | undefined; talent_id?: string | null | undefined },
  ): Naming => ({
    lineId,
    promoterId: fields.promoter_id ?? null,
    talentId: fields.talent_id ?? null,
    names: names.filter((name) => (name.lineId ?? null) === lineId),
  });
  const lines = (content.lines ?? []).map((line) => of(line.line_id, line));
  return [of(null, content), ...lines.filter((one) => one.promoterId !== null || one.talentId !== null || one.names.length > 0)];
}

/** A storefront speaks our language; only an order system has words of its own. */
export function sourceWordsOf(report: DeliveredReport): AskedWord[] {
  const { origin, content, shop, asOf } = report;
  if (origin.sourceId === REST) return [];
  const shopWord = shop ?? content.merchant_id;
  const words = [
    ...(shopWord ? [{ type: SHOP, value: shopWord }] : []),
    ...namingsOf(report).flatMap(({ promoterId, talentId, names }) => [
      ...(promoterId ? [{ type: PROMOTER, value: promoterId }] : []),
      ...(talentId ? [{ type: TALENT, value: talentId }] : []),
      ...names,
    ]),
  ];
  return words.map(({ type, value }) => ({ sourceId: origin.sourceId, at: asOf, type, value }));
}

/** What a report says that may be an id of ours. */
export function ownIdsOf(report: DeliveredReport): MappingTarget[] {
  const nothing = { merchant_id: null, promoter_id: null, link_code: null };
  return [
    { ...nothing, merchant_id: report.content.merchant_id ?? null },
    ...namingsOf(report).flatMap(({ promoterId, talentId }) => [
      { ...nothing, promoter_id: promoterId },
      { ...nothing, promoter_id: talentId },
    ]),
  ];
}

/** Resolves one report by what is known. */
export function resolveOne(report: DeliveredReport, known: Known): Resolution {
  const merchant = resolveMerchant(report, known);
  if (merchant.status !== 'merchant') return merchant;
  const waitsFor: string[] = [];
  const named = new Map(namingsOf(report).map((naming) => [naming.lineId, resolveNaming(report, naming, known, waitsFor)]));
  return { status: 'resolved', merchantId: merchant.merchantId, named, waitsFor };
}

const WORD_LENGTH_KEPT = 128;

/**
 * A word that nobody has explained, in the place of a promoter: no id of ours holds a tabulator, so
 * that it is never anybody's.
 */
const unexplained = (type: string, value: string): string => `${type}\t${value.slice(0, WORD_LENGTH_KEPT)}`;

/**
 * As resolutions were before lines kept words that nobody has explained; null where there is none
 * to leave out.
 */
export function withoutUnexplained(resolution: Resolution): Resolution | null {
  if (resolution.status !== 'resolved') return null;
  const named = new Map(
    [...resolution.named].map(([lineId, one]) => [lineId, { ...one, promoterIds: one.promoterIds.filter((id) => !id.includes('\t')) }]),
  );
  const isSame = [...named].every(([lineId, one]) => one.promoterIds.length === resolution.named.get(lineId)!.promoterIds.length);
  return isSame ? null : { ...resolution, named };
}

/**
 * Who is meant where a report names somebody; adds what would explain what nobody has explained yet
 * to `waitsFor`.
 */
function resolveNaming(report: DeliveredReport, naming: Naming, known: Known, waitsFor: string[]): NamedEvidence {
  const { origin } = report;
  const found = { promoterIds: [] as string[], linkCodes: [] as string[] };
  const take = ({ promoter_id: promoterId, link_code: linkCode }: MappingTarget): void => {
    if (promoterId !== null) found.promoterIds.push(promoterId);
    if (linkCode !== null) found.linkCodes.push(linkCode);
  };
  const waitFor = (type: string, value: string, mayBeOurs: boolean): void => {
    if (origin.sourceId !== REST) waitsFor.push(mappingWait({ sourceId: origin.sourceId, type, value }));
    if (mayBeOurs && origin.sourceId !== REST) waitsFor.push(`promoter:${value}`);
  };

  if (naming.promoterId) {
    const meaning = known.meaningOf(report, PROMOTER, naming.promoterId);
    // An unknown name stands as it is: it is evidence that loses with its reason.
    take(meaning ?? { merchant_id: null, promoter_id: naming.promoterId, link_code: null });
    if (meaning === null && known.isMissing('promoter_id', naming.promoterId)) waitFor(PROMOTER, naming.promoterId, true);
  }
  for (const { type, value } of naming.names) {
    const meaning = known.meaningOf(report, type, value);
    if (meaning !== null) take(meaning);
    else {
      waitFor(type, value, false);
      // The line is somebody's whom nobody has explained yet, so it is not meanwhile whose the
      // order is.
      if (naming.lineId !== null) found.promoterIds.push(unexplained(type, value));
    }
  }
  let { talentId } = naming;
  if (talentId !== null && origin.sourceId !== REST) {
    const meaning = known.meaningOf(report, TALENT, talentId);
    if (meaning === null && known.isMissing('promoter_id', talentId)) {
      // Only one talent counts, so a name that is explained later must not find its place taken.
      waitFor(TALENT, talentId, true);
      talentId = null;
    } else talentId = meaning === null ? talentId : meaning.promoter_id;
  }
  return { ...found, talentId };
}

function resolveMerchant(
  report: DeliveredReport,
  known: Known,
): { status: 'merchant'; merchantId: string } | Exclude<Resolution, { status: 'resolved' }> {
  const { origin, content, shop } = report;
  const word = shop ?? content.merchant_id ?? null;
  const mapped = word === null || origin.sourceId === REST ? null : (known.meaningOf(report, SHOP, word)?.merchant_id ?? null);
  const named = mapped ?? content.merchant_id ?? null;
  if (origin.merchantId !== null) {
    if (named === null || named === origin.merchantId) return { status: 'merchant', merchantId: origin.merchantId };
    return { status: 'failed', error: `the report is of the merchant ${named}, and its source speaks for ${origin.merchantId} only` };
  }
  if (mapped !== null) return { status: 'merchant', merchantId: mapped };
  if (shop !== null) {
    return { status: 'parked', reason: 'unmapped_shop', waitsFor: mappingWait({ sourceId: origin.sourceId, type: SHOP, value: shop }) };
  }
  if (named === null) {
    const owner = known.ownerOf(report);
    if (owner !== null) return { status: 'merchant', merchantId: owner };
    return { status: 'parked', reason: 'unmapped_shop', waitsFor: ownerWaitOf(report) };
  }
  if (known.isMissing('merchant_id', named)) return { status: 'parked', reason: 'unknown_merchant', waitsFor: `merchant:${named}` };
  return { status: 'merchant', merchantId: named };
}
