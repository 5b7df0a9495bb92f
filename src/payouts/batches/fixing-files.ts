// The files that banks take: which payouts cannot stand in one is judged before anything is
// approved, and the bytes are made once, at the approval.

import type { KeyObject } from 'node:crypto';

import type { Transaction } from 'kysely';

import type { MasterKeys } from '../../platform/keys/secrets.ts';
import { dayOf } from '../../platform/calendar.ts';
import type { DB } from '../../platform/postgres/tables.ts';
import { billNumber } from '../bills/bill-number.ts';
import { openPayees, type PayeeSecrets } from '../payees/payee-store.ts';
import type { Payout } from '../payout.ts';
import type { FileBatch, FilePayment, FileRefusal } from '../providers/file/batch-file.ts';
import { batchFile, file, fileOptions, fileRefusal, fileRowsMax, fileType, type FileOptions } from '../providers/file/file.ts';
import type { PayeeAccount } from '../providers/provider.ts';
import type { ProviderRow } from '../providers/provider-store.ts';
import { keepBatchFile, readSent, sentByProvider } from './batch-file-store.ts';
import type { BatchRow } from './batch-store.ts';
import type { Tax, TaxSettings } from './taxing.ts';

const PAYOUTS_PER_PAGE = 1000;
const NO_UUID = '00000000-0000-0000-0000-000000000000';

type Providers = ReadonlyMap<string, ProviderRow>;

interface FileDeps {
  keys: MasterKeys;
  /** What numbers of bills are derived from. */
  numberKey: KeyObject;
  taxes: TaxSettings;
}

/** Why a payout cannot stand in its file; `file_full` where the file has as many as it may. */
type Refusal = FileRefusal | 'no_payee' | 'file_full';

interface FileJudging {
  /**
   * Opens the payees of these payouts, of those that files pay; each page takes the place of the
   * one before.
   */
  load: (payouts: readonly Payout[]) => Promise<void>;
  /** Why the payout cannot stand in its file; null where it can, and then it has a row there. */
  refusal: (payout: Payout, tax: Tax) => Refusal | null;
}

/** Begins to judge the payouts of a batch, in the order in which they would stand in its files. */
export function startFileJudging(trx: Transaction<DB>, keys: MasterKeys, providers: Providers): FileJudging {
  const rows = new Map<string, number>();
  const options = new Map<string, FileOptions>();
  let payees = new Map<string, PayeeSecrets>();
  for (const row of providers.values()) if (row.kind === file.kind) options.set(row.provider_id, fileOptions.parse(row.options));
  return {
    async load(payouts) {
      payees = await openPayees(
        trx,
        keys,
        payouts.flatMap(({ providerId, promoterId, payeeVersion }) =>
          options.has(providerId) && payeeVersion !== null ? [{ promoterId, version: payeeVersion }] : [],
        ),
      );
    },
    refusal({ providerId, promoterId, currency, gross }, { withheld }) {
      const own = options.get(providerId);
      if (own === undefined) return null;
      const payee = payees.get(promoterId);
      if (payee === undefined) return 'no_payee';
      const refused = fileRefusal({ amount: gross - withheld, payee: accountOf(promoterId, payee) }, currency, own);
      if (refused !== null) return refused;
      const place = (rows.get(providerId) ?? 0) + 1;
      if (place > fileRowsMax(own)) return 'file_full';
      rows.set(providerId, place);
      return null;
    },
  };
}

/** Makes and keeps the files of a batch whose payouts were approved in this transaction. */
export async function fixFiles(
  trx: Transaction<DB>,
  deps: FileDeps,
  { batch, providers, now }: { batch: BatchRow; providers: Providers; now: Date },
): Promise<void> {
  const { batch_id: batchId, currency } = batch;
  const payOn = dayOf(now, deps.taxes.timeZone);
  for (const { providerId, payouts, net } of await sentByProvider(trx, batchId)) {
    const provider = providers.get(providerId)!;
    if (provider.kind !== file.kind) continue;
    const options = fileOptions.parse(provider.options);
    const { contentType, extension } = fileType(options);
    const whole: FileBatch = { batchId, currency, count: payouts, sum: net, madeAt: now, payOn };
    await keepBatchFile(
      trx,
      deps.keys,
      { batchId, providerId, name: `${nameOf(whole, providerId)}.${extension}`, mediaType: contentType, payouts, net },
      batchFile(options, whole, paymentsOf(trx, deps, { batch, providerId })),
    );
  }
}

/** What people see in their folder of downloads: the day, the currency, the batch and who pays. */
function nameOf({ payOn, currency, batchId }: FileBatch, providerId: string): string {
  return `payouts-${payOn}-${currency}-${batchId}-${providerId.replaceAll(/[^\w.-]/g, '_')}`;
}

async function* paymentsOf(
  trx: Transaction<DB>,
  { keys, numberKey }: FileDeps,
  { batch, providerId }: { batch: BatchRow; providerId: string },
): AsyncGenerator<FilePayment> {
  const { batch_id: batchId, currency } = batch;
  // Terms of a file's bill numbers do not depend on its options.
  const shape = file.terms({}).billNumber;
  for (let after = NO_UUID; ;) {
    const page = await readSent(trx, { batchId, providerId, after, limit: PAYOUTS_PER_PAGE });
    const last = page.at(-1);
    if (last === undefined) return;
    const wanted = page.map(({ promoterId, payeeVersion: version }) => {
      if (version === null) throw new Error(`broken law: ${promoterId} has a payee, since a file pays it`);
      return { promoterId, version };
    });
    const payees = await openPayees(trx, keys, wanted);
    for (const { payoutId, promoterId, net, sequence } of page) {
      const billNo = billNumber(numberKey, { providerId, promoterId, currency, sequence }, shape);
      yield { payoutId, billNo, amount: net, payee: accountOf(promoterId, payees.get(promoterId)!) };
    }
    after = last.payoutId;
  }
}

function accountOf(promoterId: string, { name, account }: PayeeSecrets): PayeeAccount {
  return { promoterId, name: name ?? '', account };
}
