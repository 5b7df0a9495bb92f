// Sending what was approved, and asking what has become of it: the number and the exact bytes are
// kept before the first call, an unclear answer is asked about, and the same bytes are sent again.

import type { KeyObject } from 'node:crypto';

import type { Kysely } from 'kysely';

import type { AccountCache } from '../../ledger/booking-store.ts';
import type { MasterKeys } from '../../platform/keys/secrets.ts';
import { inTransaction } from '../../platform/postgres/database.ts';
import type { DB } from '../../platform/postgres/tables.ts';
import { openPayee } from '../payees/payee-store.ts';
import { netOf, type Payout } from '../payout.ts';
import { lockPayout } from '../payout-store.ts';
import { kindOf } from '../providers/kinds.ts';
import type { BillAnswer, ProviderAccess, ProviderChannel, ProviderKind } from '../providers/provider.ts';
import { allProviders, openProvider } from '../providers/provider-store.ts';
import { settle } from '../settling.ts';
import { applyAnswer } from './answers.ts';
import { billNumber } from './bill-number.ts';
import { countBills, findBillOf, insertBill, noteSending, putOff, takeDuePayouts, type DuePayout, type KeptBill } from './bill-store.ts';

/** Longer than any call takes: after it another process looks at what this one has taken. */
const LEASE_MS = 60_000;
const AT_ONCE = 16;
const TAKEN_AT_ONCE = 96;
const SECOND_MS = 1000;
const FIRST_LOOK_MS = 5000;
const LAST_LOOK_MS = 600_000;
const DAY_MS = 86_400_000;
/** WeChat may say "not found" of a bill that it is still making. */
const BELIEVE_AFTER_MS = 180_000;

export interface SendingDeps {
  db: Kysely<DB>;
  keys: MasterKeys;
  /** What numbers of bills are derived from. */
  numberKey: KeyObject;
  accounts: AccountCache;
  fetch: ProviderAccess['fetch'];
  /** Where providers are asked, by kind, instead of where they are. */
  baseUrls: Readonly<Record<string, string>>;
  /**
   * Where providers tell how a bill ended, without the id of the provider; null where nobody can
   * reach us.
   */
  noticesUrl: string | null;
  believeAfterMs?: number;
  /** Told of every answer, that it can be counted. */
  onAnswer?: (answered: { kind: ProviderKind['kind']; call: 'send' | 'ask' | 'cancel'; outcome: BillAnswer['state'] }) => void;
  onError: (error: unknown) => void;
}

interface Channel {
  kind: ProviderKind;
  channel: ProviderChannel;
  access: ProviderAccess;
}

/**
 * Looks at every payout that is due, each provider by itself, so that one that is slow keeps nobody
 * waiting.
 */
export async function sendPayouts(deps: SendingDeps): Promise<void> {
  const providers = [...(await allProviders(deps.db)).values()].filter(
    ({ kind, stopped_at }) => kindOf(kind).channel !== null && stopped_at === null,
  );
  await Promise.all(providers.map(({ provider_id: providerId }) => sendOf(deps, providerId).catch(deps.onError)));
}

async function sendOf(deps: SendingDeps, providerId: string): Promise<void> {
  const channel = await openChannel(deps, providerId);
  if (channel === null) return;
  const pace = paceOf(channel.channel.callsPerSecond);
  const due = takeAllDue(deps, providerId);
  const lanes = Array.from({ length: AT_ONCE }, async () => {
    for await (const payout of due) {
      await pace();
      await advance(deps, channel, payout).catch(async (error: unknown) => {
        deps.onError(error);
        await putOff(deps.db, payout.payoutId, new Date(Date.now() + waitMs(payout.attempts)));
      });
    }
  });
  await Promise.all(lanes);
}

/**
 * What is due, some at a time: the next are taken when the last of those before is begun, so that
 * no lane waits for the slowest of all.
 */
async function* takeAllDue({ db }: SendingDeps, providerId: string): AsyncGenerator<DuePayout> {
  for (;;) {
    const due = await takeDuePayouts(db, { providerId, limit: TAKEN_AT_ONCE, leaseMs: LEASE_MS });
    yield* due;
    if (due.length < TAKEN_AT_ONCE) return;
  }
}

/**
 * How a provider is asked, with its secrets opened; null for one that people or files speak for.
 */
export async function openChannel(
  { db, keys, fetch, baseUrls }: Pick<SendingDeps, 'db' | 'keys' | 'fetch' | 'baseUrls'>,
  providerId: string,
): Promise<Channel | null> {
  const opened = await openProvider(db, keys, providerId);
  if (opened === null) return null;
  const kind = kindOf(opened.row.kind);
  if (kind.channel === null) return null;
  const access = {
    providerId,
    secrets: opened.secrets,
    options: opened.row.options,
    fetch,
    baseUrl: baseUrls[kind.kind] ?? null,
    now: () => new Date(),
  };
  return { kind, channel: kind.channel, access };
}

/** Lets so many through in a second, evenly. */
function paceOf(perSecond: number): () => Promise<void> {
  let next = 0;
  return async () => {
    const now = Date.now();
    const at = Math.max(now, next);
    next = at + SECOND_MS / perSecond;
    if (at > now) await new Promise((resolve) => setTimeout(resolve, at - now));
  };
}

/** Each look is twice as far away as the one before, up to ten minutes. */
function waitMs(attempts: number): number {
  return Math.min(FIRST_LOOK_MS * 2 ** Math.max(0, attempts - 1), LAST_LOOK_MS);
}

/** Does what a payout needs next: freezes and sends, asks, or cancels. */
async function advance(deps: SendingDeps, channel: Channel, due: DuePayout): Promise<void> {
  const isNew = due.state === 'approved';
  const bill = isNew ? await freeze(deps, channel, due.payoutId) : await findBillOf(deps.db, due.payoutId);
  if (bill === null || bill.endState !== null) return putOff(deps.db, due.payoutId, null);
  if (due.isCancelAsked && !isNew) await callFor(deps, channel, bill, 'cancel');
  const answer = await callFor(deps, channel, bill, isNew ? 'send' : 'ask');
  const { sendAgain } = await apply(deps, channel, { due, bill, answer });
  if (sendAgain) await apply(deps, channel, { due, bill, answer: await callFor(deps, channel, bill, 'send') });
}

/**
 * The time of a sending is kept before it: what is sent may arrive though no answer comes back.
 */
async function callFor(
  { db, onAnswer }: SendingDeps,
  { kind, channel, access }: Channel,
  bill: KeptBill,
  name: 'send' | 'ask' | 'cancel',
): Promise<BillAnswer> {
  if (name === 'send') await noteSending(db, bill);
  const answer = await channel[name](bill, access);
  onAnswer?.({ kind: kind.kind, call: name, outcome: answer.state });
  return answer;
}

/**
 * Keeps the number and the exact bytes, and that they are being sent; null where the payout was
 * cancelled meanwhile.
 */
async function freeze(deps: SendingDeps, { kind, channel, access }: Channel, payoutId: string): Promise<KeptBill | null> {
  const { providerId, options } = access;
  await inTransaction(deps.db, async ({ trx, now }) => {
    const payout = await lockPayout(trx, payoutId);
    if (payout?.state !== 'approved') return;
    const { promoterId, currency } = payout;
    // Bills of one promoter are numbered one after the other.
    await trx.selectFrom('promoter').select('promoter_id').where('promoter_id', '=', promoterId).forNoKeyUpdate().execute();
    const sequence = (await countBills(trx, { providerId, promoterId, currency })) + 1;
    const billNo = billNumber(deps.numberKey, { providerId, promoterId, currency, sequence }, kind.terms(options).billNumber);
    const amount = netOf(payout);
    const noticeUrl = deps.noticesUrl === null ? null : `${deps.noticesUrl}/${encodeURIComponent(providerId)}`;
    const payment = { payoutId, billNo, amount, currency, payee: await payeeOf(deps, payout), noticeUrl };
    const request = channel.freeze(payment, { ...access, now: () => now });
    await insertBill(trx, { payoutId, providerId, promoterId, sequence, billNo, amount, currency, request }, now);
    await settle({ trx, accounts: deps.accounts, now }, payout, { state: 'sending', dueAt: new Date(now.getTime() + LEASE_MS) });
  });
  return findBillOf(deps.db, payoutId);
}

async function payeeOf({ db, keys }: SendingDeps, { promoterId, payeeVersion }: Payout) {
  if (payeeVersion === null) throw new Error(`broken law: ${promoterId} has a payee, since its payout is sent`);
  const { name, account } = await openPayee(db, keys, promoterId, payeeVersion);
  return { promoterId, name: name ?? '', account };
}

interface Answered {
  due: DuePayout;
  bill: KeptBill;
  answer: BillAnswer;
}

async function apply(deps: SendingDeps, { kind, access }: Channel, { due, bill, answer }: Answered): Promise<{ sendAgain: boolean }> {
  return inTransaction(deps.db, async ({ trx, now }) => {
    const payout = await lockPayout(trx, due.payoutId);
    if (payout === null) throw new Error(`broken law: payout ${due.payoutId} is there`);
    // What was noted of the bill since it was read counts: another process may have looked at it.
    const standing = (await findBillOf(trx, due.payoutId))!;
    const { queryDays } = kind.terms(access.options);
    const isBeyondQuery = queryDays !== null && now.getTime() - bill.madeAt.getTime() > queryDays * DAY_MS;
    const nextLook = isBeyondQuery ? null : new Date(now.getTime() + waitMs(due.attempts));
    const believeAfterMs = deps.believeAfterMs ?? BELIEVE_AFTER_MS;
    return applyAnswer({ trx, accounts: deps.accounts, now, nextLook, believeAfterMs }, payout, standing, answer);
  });
}
