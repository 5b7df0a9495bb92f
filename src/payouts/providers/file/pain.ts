// A batch as pain.001.001.09 (ISO 20022), the credit transfers in euro that banks of the SEPA take,
// within the rules of the EPC's guidelines for customers (EPC132-08).

import { z } from 'zod';

import { assert } from '../../../core/errors.ts';
import {
  countedPayments,
  decimalText,
  encodedPieces,
  type FileBatch,
  type FilePayment,
  type FileRefusal,
  type RefusablePayment,
} from './batch-file.ts';
import { isBic, isIban } from './bank-codes.ts';
import { latinText } from './latin.ts';

const PAIN_FORMAT = 'pain.001.001.09';
/** 999,999,999.99, the most that one transfer may be. */
export const PAIN_AMOUNT_MAX = 99_999_999_999n;
const NAME_MAX = 70;
const REMITTANCE_MAX = 140;
/** So many of the greatest amounts stay within the 18 digits that a sum may have. */
const PAIN_ROWS_MAX = 100_000;

const latin = (most: number) =>
  z
    .string()
    .min(1)
    .max(500)
    .refine((text) => fits(text, most), `has no Latin spelling of 1 to ${most} characters`);

/** How the file names who pays. */
export const painTemplate = z.strictObject({
  format: z.literal(PAIN_FORMAT),
  debtor_name: latin(NAME_MAX),
  debtor_iban: z.string().max(50).transform(withoutBlanks).refine(isIban, 'is no IBAN'),
  debtor_bic: z.string().max(20).transform(withoutBlanks).refine(isBic, 'is no BIC').optional(),
  remittance: latin(REMITTANCE_MAX).default('Commission'),
  batch_booking: z.boolean().default(true).meta({ description: 'Whether the bank books the file as one sum.' }),
  max_rows: z.int().min(1).max(PAIN_ROWS_MAX).default(PAIN_ROWS_MAX).meta({ description: 'Payments that one file may have.' }),
});
type PainTemplate = z.output<typeof painTemplate>;

/** Why this payment cannot stand in the file; null when it can. */
export function painRefusal(payment: RefusablePayment, currency: string): FileRefusal | null {
  const { name, account } = payment.payee;
  if (currency !== 'EUR') return 'currency_not_payable';
  if (payment.amount < 1n || payment.amount > PAIN_AMOUNT_MAX) return 'amount_not_payable';
  if (!isIban(withoutBlanks(account['account_no'] ?? ''))) return 'account_not_valid';
  const bic = account['bank_code'] ?? '';
  if (bic !== '' && !isBic(withoutBlanks(bic))) return 'bank_not_valid';
  return fits(name, NAME_MAX) ? null : 'name_not_writable';
}

/**
 * The file, piece by piece. The same batch and payments in the same order are the same bytes.
 * Throws for a payment that `painRefusal` refuses, and when count and sum are not those of the
 * batch.
 */
export function painFile(template: PainTemplate, batch: FileBatch, payments: AsyncIterable<FilePayment>): AsyncGenerator<Buffer> {
  assert(batch.count >= 1 && batch.count <= template.max_rows, 'a file has a payment, and no more than its template allows');
  return encodedPieces(partsOf(template, batch, payments), (text) => Buffer.from(text, 'utf8'));
}

async function* partsOf(template: PainTemplate, batch: FileBatch, payments: AsyncIterable<FilePayment>): AsyncGenerator<string> {
  yield head(template, batch);
  const remittance = element('RmtInf', element('Ustrd', written(template.remittance)));
  for await (const payment of countedPayments(payments, batch)) {
    assert(painRefusal(payment, batch.currency) === null, 'a payment is checked before it is written');
    yield transfer(payment, batch.currency, remittance);
  }
  yield '</PmtInf>\n</CstmrCdtTrfInitn>\n</Document>\n';
}

function head(template: PainTemplate, batch: FileBatch): string {
  const { count, sum, currency, madeAt, payOn } = batch;
  const id = compactId(batch.batchId);
  const totals = element('NbOfTxs', String(count)) + element('CtrlSum', decimalText(sum, currency));
  const debtor = element('Nm', written(template.debtor_name));
  const bic = template.debtor_bic;
  const agent = bic === undefined ? element('Othr', element('Id', 'NOTPROVIDED')) : element('BICFI', bic);
  const made = element('CreDtTm', `${madeAt.toISOString().slice(0, 19)}Z`);
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<Document xmlns="urn:iso:std:iso:20022:tech:xsd:${PAIN_FORMAT}">`,
    '<CstmrCdtTrfInitn>',
    element('GrpHdr', element('MsgId', id) + made + totals + element('InitgPty', debtor)),
    '<PmtInf>',
    element('PmtInfId', id) + element('PmtMtd', 'TRF') + element('BtchBookg', String(template.batch_booking)) + totals,
    element('PmtTpInf', element('SvcLvl', element('Cd', 'SEPA'))),
    element('ReqdExctnDt', element('Dt', payOn)),
    element('Dbtr', debtor),
    element('DbtrAcct', element('Id', element('IBAN', template.debtor_iban))),
    element('DbtrAgt', element('FinInstnId', agent)),
    element('ChrgBr', 'SLEV'),
    '',
  ].join('\n');
}

function transfer({ payoutId, amount, payee }: FilePayment, currency: string, remittance: string): string {
  const { account_no: iban = '', bank_code: bic = '' } = payee.account;
  const inner =
    element('PmtId', element('EndToEndId', compactId(payoutId))) +
    element('Amt', `<InstdAmt Ccy="${currency}">${decimalText(amount, currency)}</InstdAmt>`) +
    (bic === '' ? '' : element('CdtrAgt', element('FinInstnId', element('BICFI', withoutBlanks(bic))))) +
    element('Cdtr', element('Nm', written(payee.name))) +
    element('CdtrAcct', element('Id', element('IBAN', withoutBlanks(iban)))) +
    remittance;
  return `${element('CdtTrfTxInf', inner)}\n`;
}

/** An id of ours within the 35 characters that a bank hands on: a UUID without its hyphens. */
function compactId(id: string): string {
  const compact = id.replaceAll('-', '');
  assert(/^[0-9A-Za-z]{1,35}$/.test(compact), 'an id fits 35 letters and digits');
  return compact;
}

function fits(text: string, most: number): boolean {
  const spelled = latinText(text);
  return spelled !== null && spelled.length >= 1 && spelled.length <= most;
}

/** A text of people in the characters of the file. */
function written(text: string): string {
  const spelled = latinText(text);
  assert(spelled !== null, 'a text is checked before it is written');
  return spelled.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

/** `content` is XML already. */
function element(name: string, content: string): string {
  return `<${name}>${content}</${name}>`;
}

function withoutBlanks(text: string): string {
  return text.replaceAll(' ', '').toUpperCase();
}
