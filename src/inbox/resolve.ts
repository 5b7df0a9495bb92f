// Whom a report means: its merchant, and the promoters and links that its source knows under words of its own. Set-wise.
import type { Transaction } from 'kysely';

import type { DB } from '../platform/tables.ts';
import { mappingsAsOf, mappingWait, missingTargets, SHOP } from '../sources/mapping-store.ts';
import type { MappingTarget, Word } from '../sources/mapping-store.ts';
import { REST } from '../sources/wire.ts';
import type { Statement } from './read.ts';

/** The types of the words that stand in the fields of a report. */
const PROMOTER = 'promoter';
const TALENT = 'talent';

export type Resolution =
  | { status: 'failed'; error: string }
  | { status: 'parked'; reason: 'unknown_merchant' | 'unmapped_shop'; waitsFor: string }
  | { status: 'resolved'; merchantId: string; promoterIds: string[]; linkCodes: string[]; talentId: string | null; waitsFor: string[] };

/** Resolves reports, in their order, by what is known now. */
export async function resolveStatements(trx: Transaction<DB>, statements: readonly Statement[]): Promise<Resolution[]> {
  const words = statements.flatMap(wordsOf);
  const meanings = await mappingsAsOf(trx, words);
  const byWord = new Map(words.map((word, index) => [wordName(word), meanings[index]!]));
  const missing = await missingTargets(trx, statements.flatMap(ownIdsOf));
  const known: Known = {
    meaningOf: ({ origin: { sourceId }, asOf }, type, value) => byWord.get(wordName({ sourceId, type, value, at: asOf })) ?? null,
    isMissing: (column, id) => missing.has(`${column}:${id}`),
  };
  return statements.map((statement) => resolveOne(statement, known));
}

/** What was found for a batch: the meanings of words, and which of our own ids do not exist. */
export interface Known {
  meaningOf: (statement: Statement, type: string, value: string) => MappingTarget | null;
  isMissing: (column: keyof MappingTarget, id: string) => boolean;
}

export type AskedWord = Word & { at: Date };

/** One text for a word at its time. */
export const wordName = ({ sourceId, type, value, at }: AskedWord): string => `${sourceId}\0${type}\0${value}\0${at.getTime()}`;

/** A storefront speaks our language; only an order system has words of its own. */
export function wordsOf({ origin, stated, shop, names, asOf }: Statement): AskedWord[] {
  if (origin.sourceId === REST) return [];
  const { merchant_id: merchantId, promoter_id: promoterId, talent_id: talentId } = stated;
  const shopWord = shop ?? merchantId;
  const words = [
    ...(shopWord ? [{ type: SHOP, value: shopWord }] : []),
    ...(promoterId ? [{ type: PROMOTER, value: promoterId }] : []),
    ...(talentId ? [{ type: TALENT, value: talentId }] : []),
    ...names,
  ];
  return words.map((word) => ({ sourceId: origin.sourceId, at: asOf, ...word }));
}

/** What a report says that may be an id of ours. */
export function ownIdsOf({ stated }: Statement): MappingTarget[] {
  const nothing = { merchant_id: null, promoter_id: null, link_code: null };
  return [
    { ...nothing, merchant_id: stated.merchant_id ?? null, promoter_id: stated.promoter_id ?? null },
    { ...nothing, promoter_id: stated.talent_id ?? null },
  ];
}

/** Resolves one report by what is known. */
export function resolveOne(statement: Statement, known: Known): Resolution {
  const merchant = resolveMerchant(statement, known);
  if (merchant.status !== 'merchant') return merchant;
  const { origin, stated, names } = statement;
  const found = { promoterIds: [] as string[], linkCodes: [] as string[], waitsFor: [] as string[] };
  const take = ({ promoter_id: promoterId, link_code: linkCode }: MappingTarget): void => {
    if (promoterId !== null) found.promoterIds.push(promoterId);
    if (linkCode !== null) found.linkCodes.push(linkCode);
  };
  const waitFor = (type: string, value: string, mayBeOurs: boolean): void => {
    if (origin.sourceId !== REST) found.waitsFor.push(mappingWait({ sourceId: origin.sourceId, type, value }));
    if (mayBeOurs && origin.sourceId !== REST) found.waitsFor.push(`promoter:${value}`);
  };

  if (stated.promoter_id) {
    const meaning = known.meaningOf(statement, PROMOTER, stated.promoter_id);
    // An unknown name stands as it is: it is evidence that loses with its reason.
    take(meaning ?? { merchant_id: null, promoter_id: stated.promoter_id, link_code: null });
    if (meaning === null && known.isMissing('promoter_id', stated.promoter_id)) waitFor(PROMOTER, stated.promoter_id, true);
  }
  for (const { type, value } of names) {
    const meaning = known.meaningOf(statement, type, value);
    if (meaning === null) waitFor(type, value, false);
    else take(meaning);
  }
  let talentId = stated.talent_id ?? null;
  if (talentId !== null && origin.sourceId !== REST) {
    const meaning = known.meaningOf(statement, TALENT, talentId);
    if (meaning === null && known.isMissing('promoter_id', talentId)) {
      // Only one talent counts, so a name that is explained later must not find its place taken.
      waitFor(TALENT, talentId, true);
      talentId = null;
    } else talentId = meaning === null ? talentId : meaning.promoter_id;
  }
  return { status: 'resolved', merchantId: merchant.merchantId, talentId, ...found };
}

function resolveMerchant(
  statement: Statement,
  known: Known,
): { status: 'merchant'; merchantId: string } | Exclude<Resolution, { status: 'resolved' }> {
  const { origin, stated, shop } = statement;
  const word = shop ?? stated.merchant_id ?? null;
  const mapped = word === null || origin.sourceId === REST ? null : (known.meaningOf(statement, SHOP, word)?.merchant_id ?? null);
  const named = mapped ?? stated.merchant_id ?? null;
  if (origin.merchantId !== null) {
    if (named === null || named === origin.merchantId) return { status: 'merchant', merchantId: origin.merchantId };
    return { status: 'failed', error: `the report is of the merchant ${named}, and its source speaks for ${origin.merchantId} only` };
  }
  if (mapped !== null) return { status: 'merchant', merchantId: mapped };
  if (shop !== null) {
    return { status: 'parked', reason: 'unmapped_shop', waitsFor: mappingWait({ sourceId: origin.sourceId, type: SHOP, value: shop }) };
  }
  if (named === null) return { status: 'failed', error: 'neither the report nor its source names a merchant' };
  if (known.isMissing('merchant_id', named)) return { status: 'parked', reason: 'unknown_merchant', waitsFor: `merchant:${named}` };
  return { status: 'merchant', merchantId: named };
}
