// Shopify's numbers: ids and decimals as exact text, amounts as minor units of the shop's currency.
import { z } from 'zod';

import { minorDigits, parseDecimal } from '../core/money.ts';

/** An id: a number of 64 bits, or its digits where a double would round them. */
export const shopifyId = z.union([z.string().min(1), z.number()]).transform(String);

/** An amount: a decimal text, in some places a number. */
export const decimal = z.union([z.string(), z.number()]).transform(String);

const money = z.object({ amount: decimal, currency_code: z.string().nullish() });

/** An amount in the shop's currency and in the buyer's; only the first one is the order's. */
export const moneySet = z.object({ shop_money: money });

export type MoneySet = z.output<typeof moneySet>;

/** The minor units of a decimal text; throws where it says more decimals than the currency has. */
export function minorUnits(text: string, currency: string): bigint {
  const amount = parseDecimal(text, minorDigits(currency));
  if (amount === null) throw new Error(`${JSON.stringify(text)} is no amount in ${currency}`);
  return amount;
}

/** The amount that stands twice, once plain and once as a set: the set says in which currency. */
export function shopAmount(plain: string | null | undefined, set: MoneySet | null | undefined, currency: string): bigint {
  return minorUnits(set?.shop_money.amount ?? plain ?? '0', currency);
}

export function sum(amounts: readonly bigint[]): bigint {
  return amounts.reduce((total, amount) => total + amount, 0n);
}
