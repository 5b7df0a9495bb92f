// Money out, by two persons: one drafts a batch, another one approves it, and what the bank says
// ends each payout. With what it must come to, reckoned by hand.

import type { components, paths } from '../../client/api.ts';
import { createClient, FenyongError, type FenyongClient } from '../../client/client.ts';
import { difference } from './expected.ts';
import { readBalances, type PromoterBalance, type TrialBalance } from './readings.ts';
import { section } from './sections.ts';
import { table, yuan } from './table.ts';

type Schemas = components['schemas'];
type Payout = Schemas['Payout'];
type PayeeBody = paths['/v1/promoters/{promoter_id}/payee']['put']['requestBody']['content']['application/json'];

/** Nobody is paid less, in fen. */
const MINIMUM = 200;
/** Whose account the bank finds closed. */
const FROZEN = 'dave';

/** Who they are to the tax office; each is paid by hand. */
const PAYEES: Readonly<Record<string, Pick<PayeeBody, 'kind' | 'tax_id'>>> = {
  yunduan: { kind: 'company' },
  lin: { kind: 'individual', tax_id: '110101199001010011' },
  mo: { kind: 'individual', tax_id: '110101199001010022' },
  carol: { kind: 'individual', tax_id: '110101199001010033' },
  dave: { kind: 'individual', tax_id: '110101199001010044' },
};

/** What was paid, and what is left. */
interface PaidOut {
  batch: Schemas['PayoutBatchDetail'];
  payouts: Payout[];
  /** What zhang was told who wanted to approve the own draft. */
  refusal: string;
  balances: PromoterBalance[];
  trialBalance: TrialBalance[];
}

/**
 * What each payout must come to: gross, what is withheld, net, how it ends, and what is available
 * then.
 */
const EXPECTED: Readonly<Record<string, readonly [number, number, number, string, number]>> = {
  carol: [750, 0, 750, 'paid', 0],
  dave: [4250, 0, 4250, 'failed', 4250],
  lin: [200, 0, 200, 'paid', 0],
  // 20 % of what a month has above 800.00: of 1014.64, rounded half up to the fen.
  mo: [181_464, 20_293, 161_171, 'paid', 0],
  yunduan: [200, 0, 200, 'paid', 0],
};

/** All accounts once it is paid; what the merchants are charged is what all parties get. */
const EXPECTED_ACCOUNTS = {
  available: 4450,
  commission: -215_091,
  paid: 162_321,
  paying: 0,
  pending: 27_627,
  revenue: 400,
  withheld: 20_293,
};

/** Drafts as zhang, is refused the approval, approves as li, and tells how each payout ended. */
export async function payOut(admin: FenyongClient, { url, signal }: { url: string; signal: AbortSignal }): Promise<PaidOut> {
  for (const [promoter_id, payee] of Object.entries(PAYEES)) {
    const body = { ...payee, name: promoter_id, provider_id: 'manual', account: {} };
    await admin.PUT('/v1/promoters/{promoter_id}/payee', { params: { path: { promoter_id } }, body });
  }
  const personOf = async (person: string): Promise<FenyongClient> => {
    const { key = '' } = (await admin.POST('/v1/keys', { body: { scope: 'admin', role: 'finance', person } })).data;
    return createClient({ url, key, signal });
  };
  const [zhang, li] = [await personOf('zhang'), await personOf('li')];
  const { batch_id, content_hash } = (await zhang.POST('/v1/payout-batches', { body: { currency: 'CNY', minimum: MINIMUM } })).data;
  const params = { path: { batch_id } };
  const approve = (by: FenyongClient) => by.POST('/v1/payout-batches/{batch_id}/approval', { params, body: { content_hash } });
  const refusal = await approve(zhang).then(() => 'approved', codeOf);
  await approve(li);
  const read = async () => (await admin.GET('/v1/payout-batches/{batch_id}/payouts', { params })).data.data;
  for (const { payout_id, promoter_id } of await read()) {
    const result =
      promoter_id === FROZEN
        ? { state: 'failed' as const, reason: 'ACCOUNT_FROZEN' }
        : { state: 'paid' as const, reference: `B-${promoter_id}` };
    await zhang.POST('/v1/payouts/{payout_id}/results', { params: { path: { payout_id } }, body: result });
  }
  return {
    batch: (await admin.GET('/v1/payout-batches/{batch_id}', { params })).data,
    payouts: (await read()).toSorted((a, b) => (a.promoter_id < b.promoter_id ? -1 : 1)),
    refusal,
    balances: await readBalances(admin),
    trialBalance: (await admin.GET('/v1/ledger/trial-balance')).data.data,
  };
}

function codeOf(error: unknown): string {
  if (error instanceof FenyongError) return error.code;
  throw error;
}

const availableOf = (balances: readonly PromoterBalance[], promoterId: string): number =>
  balances.find(({ promoter_id: id }) => id === promoterId)!.available;

const amounts = (...titles: string[]) => titles.map((title) => ({ title, right: true }));

/** Who was paid what, and what that leaves. */
export function payoutSection({ batch, payouts, refusal, balances }: PaidOut): string {
  const columns = [
    { title: 'promoter' },
    ...amounts('gross', 'withheld', 'net'),
    { title: 'ends' },
    ...amounts('available then'),
    { title: 'what the bank says' },
  ];
  const rows = payouts.map(({ promoter_id: id, gross, withheld, net, state, reason, reference }) => {
    return [id, yuan(gross), yuan(withheld ?? 0), yuan(net), state, yuan(availableOf(balances, id)), reason ?? reference ?? ''];
  });
  const sums = ['all of them', yuan(batch.gross), yuan(batch.withheld), yuan(batch.net), batch.state, '', `paid ${yuan(batch.paid)}`];
  const skipped = batch.skipped.map(({ reason, promoters, amount }) => `${promoters} with ${yuan(amount)} (${reason})`).join(', ');
  const told = `zhang may not approve the own draft: ${refusal}. Skipped: ${skipped}. Withheld: 20 % of what a month has above 800.00 (劳务报酬).`;
  return section('5. A payout: drafted by zhang, approved by li, paid by hand', `${table(columns, [...rows, sums])}\n${told}\n`);
}

/** What of it is not as it must be, one sentence each; empty when all is. */
export function payoutDifferences({ batch, payouts, refusal, balances, trialBalance }: PaidOut): string[] {
  const figures = payouts.map(({ promoter_id: id, gross, withheld, net, state }) => {
    return [id, [gross, withheld, net, state, availableOf(balances, id)]];
  });
  const { state, gross, withheld, net, paid, skipped } = batch;
  return [
    ...difference('what is paid out', Object.fromEntries(figures), EXPECTED),
    ...difference('the batch', [state, gross, withheld, net, paid], ['partially_paid', 186_864, 20_293, 166_571, 162_321]),
    ...difference('who is skipped', skipped, [{ reason: 'below_minimum', promoters: 2, amount: 200 }]),
    ...difference('the drafter’s own approval', refusal, 'second_person_required'),
    ...difference(
      'the trial balance',
      trialBalance.map(({ currency, accounts, sum }) => [
        currency,
        Object.fromEntries(accounts.map((one) => [one.kind, one.balance])),
        sum,
      ]),
      [['CNY', EXPECTED_ACCOUNTS, 0]],
    ),
  ];
}
