// Paid by a file: the batch becomes a file that people take to the bank, and the bank's answer,
// read as another file or stated by people, says how each payment ended.

import { z } from 'zod';

import type { ProviderKind } from '../provider.ts';
import type { FileBatch, FilePayment, FileRefusal, RefusablePayment } from './batch-file.ts';
import { csvFile, csvRefusal, csvTemplate } from './csv-file.ts';
import { PAIN_AMOUNT_MAX, painFile, painRefusal, painTemplate } from './pain.ts';
import { encodable, TEXT_ENCODINGS } from './text-encoding.ts';

const template = z.discriminatedUnion('format', [csvTemplate, painTemplate]);
const DEFAULT_TEMPLATE = csvTemplate.parse({});

/** The options of a provider whose payments are in a file, as they are stated or were kept. */
export const fileOptions = z.strictObject({
  template: template.default(DEFAULT_TEMPLATE).meta({ description: 'The form of the file, as the bank wants it.' }),
});
export type FileOptions = z.output<typeof fileOptions>;

/** Printed in groups, an account number is the same without its blanks; it never is a number. */
const accountNo = z
  .string()
  .max(60)
  .transform((text) => text.replaceAll(/[\s\u00a0]/g, ''))
  .pipe(z.string().regex(/^[0-9A-Za-z][0-9A-Za-z-]{3,39}$/, 'is no account number'));
const bankText = z
  .string()
  .trim()
  .min(1)
  .max(120)
  .refine((text) => TEXT_ENCODINGS.every((encoding) => encodable(text, encoding)), 'has characters that cannot be written');

interface FileAccount extends Record<string, string> {
  account_no: string;
}

const fileAccount = z
  .strictObject({ account_no: accountNo, bank_name: bankText.optional(), bank_code: bankText.optional() })
  .transform(({ account_no, bank_name, bank_code }): FileAccount => ({
    account_no,
    ...(bank_name !== undefined && { bank_name }),
    ...(bank_code !== undefined && { bank_code }),
  }));

/** A provider whose payments are in a file, and end by what is told of them. */
export const file: ProviderKind = {
  kind: 'file',
  secrets: z.strictObject({}),
  options: fileOptions,
  account: fileAccount,
  channel: null,
  terms: (options) => {
    const { template } = fileOptions.parse(options);
    const isPain = template.format !== 'csv';
    return {
      currencies: isPain ? ['EUR'] : null,
      minimum: 1n,
      maximum: isPain ? PAIN_AMOUNT_MAX : null,
      nameFrom: isPain || template.columns.some((column) => 'value' in column && column.value === 'name') ? 1n : null,
      billNumber: { alphabet: '0123456789ABCDEFGHJKMNPQRSTVWXYZ', length: 24 },
      queryDays: null,
      payeeActs: false,
      cancellable: false,
    };
  },
};

/** How many payments one file of the provider may have. `options` are parsed ones. */
export function fileRowsMax(options: FileOptions): number {
  return options.template.max_rows;
}

/** What the file is served as. */
export function fileType({ template }: FileOptions): { contentType: string; extension: string } {
  if (template.format !== 'csv') return { contentType: 'application/xml', extension: 'xml' };
  const charset = template.encoding === 'gb18030' ? 'gb18030' : 'utf-8';
  return { contentType: `text/csv; charset=${charset}`, extension: 'csv' };
}

/**
 * Why a payment cannot stand in the provider's file, to be asked before it is approved; null when
 * it can.
 */
export function fileRefusal(payment: RefusablePayment, currency: string, { template }: FileOptions): FileRefusal | null {
  return template.format === 'csv' ? csvRefusal(payment, template) : painRefusal(payment, currency);
}

/**
 * The file of a batch, piece by piece; the same bytes for the same batch and the same order of
 * payments. Throws for what `fileRefusal` or `fileRowsMax` do not allow: the caller asked before.
 */
export function batchFile(options: FileOptions, batch: FileBatch, payments: AsyncIterable<FilePayment>): AsyncGenerator<Buffer> {
  const { template } = options;
  return template.format === 'csv' ? csvFile(template, batch, payments) : painFile(template, batch, payments);
}
