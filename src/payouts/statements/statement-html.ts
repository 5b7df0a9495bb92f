// A readable statement as a page: it needs nothing but itself, runs no script, and is as wide as a
// telephone or a sheet of paper.

import { createHash } from 'node:crypto';

import { decimalOf } from '../../core/money.ts';
import { kindText, reasonText, roleText, type StatementForm, type StatementHead } from './form.ts';
import { OWN_ACCOUNTS, owedOf, type Amounts, type MerchantAmounts, type MerchantMonth, type MonthEntry, type MonthPiece } from './month.ts';
import type { MovedPayout } from './moved-payout-store.ts';
import type { StatementWords } from './words.ts';

const STYLE = `
body{font:16px/1.45 system-ui,sans-serif;margin:0 auto;max-width:44rem;padding:1rem;color:#111;background:#fff}
h1{font-size:1.5rem;margin:0}h2{font-size:1.15rem;margin:1.6rem 0 .3rem}h3{font-size:1rem;margin:1rem 0 .2rem}
table{border-collapse:collapse;width:100%}
th,td{padding:.35rem .3rem;border-bottom:1px solid #ddd;text-align:left;vertical-align:top;font-weight:normal;overflow-wrap:anywhere}
.n{text-align:right;white-space:nowrap;font-variant-numeric:tabular-nums;overflow-wrap:normal}
.day th{background:#f2f2f2;font-weight:bold}.sum th,.sum td{font-weight:bold}
small{color:#555;display:block}
@page{margin:12mm}
@media print{body{padding:0;max-width:none;font-size:11pt}tr{break-inside:avoid}h2,h3{break-after:avoid}}
`;

/** The page may do nothing but look as we say, wherever it is shown. */
export const STATEMENT_POLICY = [
  "default-src 'none'",
  `style-src 'sha256-${createHash('sha256').update(STYLE).digest('base64')}'`,
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

/** Text as HTML has it, in element and attribute alike. */
function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;').replaceAll("'", '&#39;');
}

/** An id of somebody else's: whichever way it is written, it turns nothing around it. */
const name = (text: string): string => `<bdi>${escaped(text)}</bdi>`;
const small = (parts: readonly string[]): string => (parts.length === 0 ? '' : `<small>${parts.join(' · ')}</small>`);
const signed = (amount: bigint, currency: string): string => `${amount > 0n ? '+' : ''}${decimalOf(amount, currency)}`;

/** The form `html`. */
export function htmlForm(head: StatementHead): StatementForm {
  const { words, clock } = head;
  const pages = { entries: 0, payouts: 0, day: '' };
  const heading = (which: keyof StatementWords['headings']): string => `<h2>${escaped(words.headings[which])}</h2>\n`;

  /** Ends the entries, or the payouts after them. */
  const ended = (): string => (pages.payouts > 0 || pages.entries > 0 ? '</table>\n' : `<p>${escaped(words.nothing)}</p>\n`);

  function write(piece: MonthPiece): string {
    if (piece.piece === 'opening') return heading('opening') + balancesTable(words, piece.balances) + heading('entries');
    if (piece.piece === 'entries') {
      const rows = piece.entries.map((entry) => {
        const time = clock(new Date(entry.transfer.bookedAt));
        const day = time.slice(0, 10);
        const isNew = day !== pages.day;
        pages.day = day;
        return `${isNew ? `<tr class="day"><th colspan="3" scope="rowgroup">${day}</th></tr>\n` : ''}${entryRow(words, entry, time.slice(11))}`;
      });
      const begin = pages.entries === 0 && rows.length > 0 ? '<table>\n' : '';
      pages.entries += rows.length;
      return begin + rows.join('');
    }
    if (piece.piece === 'payouts') {
      const begin = pages.payouts === 0 ? `${ended()}${heading('payouts')}<table>\n` : '';
      pages.payouts += piece.payouts.length;
      return begin + piece.payouts.map((payout) => payoutRow(words, payout, clock(payout.at))).join('');
    }
    const sums = piece.months.map((month) => sumsTable(words, month)).join('');
    const closing = piece.months
      .filter(({ merchantId }) => merchantId !== null)
      .map(({ merchantId, currency, closing: amounts }) => ({ merchantId, currency, amounts }));
    const parts = [heading('sums'), `<p>${escaped(words.explained)}</p>\n`, sums, heading('closing'), balancesTable(words, closing)];
    return `${ended()}${parts.join('')}</body>\n</html>\n`;
  }

  return { type: 'text/html; charset=utf-8', begin: () => pageHead(head), write };
}

function pageHead({ words, promoterId, month, timeZone }: StatementHead): string {
  const title = escaped(`${words.title} ${month}`);
  return `<!doctype html>
<html lang="${escaped(words.language)}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
<style>${STYLE}</style>
</head>
<body>
<h1>${title}</h1>
<p>${escaped(words.promoter)} ${name(promoterId)}<small>${escaped(words.month)} ${escaped(month)} · ${escaped(timeZone)}</small></p>
`;
}

/** What lies on which account; those with nothing on them are left out. */
function amountsText(words: StatementWords, amounts: Amounts, write: (amount: bigint) => string): string {
  const parts = OWN_ACCOUNTS.flatMap((account) =>
    amounts[account] === 0n ? [] : [`${escaped(words.accounts[account])} ${write(amounts[account])}`],
  );
  return parts.length === 0 ? write(0n) : parts.join('<br>');
}

function balancesTable(words: StatementWords, balances: readonly MerchantAmounts[]): string {
  if (balances.length === 0) return `<p>${escaped(words.nothing)}</p>\n`;
  const rows = balances.map(({ merchantId, currency, amounts }) => {
    const of = merchantId === null ? escaped(words.allMerchants) : name(merchantId);
    const text = amountsText(words, amounts, (amount) => decimalOf(amount, currency));
    return `<tr><th scope="row">${of}${small([escaped(currency)])}</th><td class="n">${text}</td></tr>\n`;
  });
  return `<table>\n${rows.join('')}</table>\n`;
}

function entryRow(words: StatementWords, { transfer, amounts, currency, merchantId }: MonthEntry, time: string): string {
  const { orderId, lineId, cause, causeId } = transfer;
  const role = roleText(words, transfer);
  const of = [
    ...(orderId === '' ? [] : [`${escaped(words.columns.order)} ${name(orderId)}`]),
    ...(lineId === '' ? [] : [`${escaped(words.columns.line)} ${name(lineId)}`]),
    ...(cause === 'payout' || cause === 'return' ? [`${escaped(words.columns.payout)} ${name(causeId)}`] : []),
    ...(role === null ? [] : [escaped(role)]),
    name(merchantId),
    escaped(currency),
  ];
  const text = amountsText(words, amounts, (amount) => signed(amount, currency));
  return `<tr><td>${time}</td><td>${escaped(kindText(words, transfer))}${small(of)}</td><td class="n">${text}</td></tr>\n`;
}

function payoutRow(words: StatementWords, payout: MovedPayout, time: string): string {
  const { payoutId, currency, gross, withheld, state, reason, reference, merchantIds } = payout;
  const why = reasonText(words, reason);
  const of = [
    time,
    `${escaped(words.columns.payout)} ${name(payoutId)}`,
    ...(reference === null ? [] : [`${escaped(words.columns.reference)} ${name(reference)}`]),
    ...(why === null ? [] : [name(why)]),
    ...merchantIds.map(name),
    escaped(currency),
  ];
  const figures = [
    `${escaped(words.columns.gross)} ${decimalOf(gross, currency)}`,
    ...(withheld === null
      ? []
      : [
          `${escaped(words.columns.tax)} ${decimalOf(withheld, currency)}`,
          `${escaped(words.columns.net)} ${decimalOf(gross - withheld, currency)}`,
        ]),
  ];
  return `<tr><td>${escaped(words.states[state])}${small(of)}</td><td class="n">${figures.join('<br>')}</td></tr>\n`;
}

/**
 * From what was owed at the beginning to what is at the end; what moves between accounts adds
 * nothing.
 */
function sumsTable(words: StatementWords, { merchantId, currency, opening, sums, closing }: MerchantMonth): string {
  const figure = (label: string, amount: string, kind = ''): string =>
    `<tr${kind}><th scope="row">${escaped(label)}</th><td class="n">${amount}</td></tr>\n`;
  const moved = sums.flatMap(({ kind, amounts }) => {
    const amount = owedOf(amounts);
    return amount === 0n ? [] : [figure(words.kinds[kind], signed(amount, currency))];
  });
  const of = merchantId === null ? escaped(words.allMerchants) : name(merchantId);
  return [
    `<h3>${of} · ${escaped(currency)}</h3>\n<table>\n`,
    figure(`${words.owed}: ${words.records.opening}`, decimalOf(owedOf(opening), currency)),
    ...moved,
    figure(`${words.owed}: ${words.records.closing}`, decimalOf(owedOf(closing), currency), ' class="sum"'),
    '</table>\n',
  ].join('');
}
