// A line of a Shopify order, as orders and refunds carry it, in exact amounts of the shop's
// currency.
import { z } from 'zod';

import { atLeastNothing, minorUnit, ONE, readExact, sizeOf, sum, type Exact } from '../shop-money.ts';
import { entriesOf, fieldOf, id, idOrNone, unitsOf } from '../shop-words.ts';

/**
 * An amount that stands twice, plain and as a set: the set says that it is the shop's. Null where
 * there is none.
 */
export function amountIn(value: unknown, name: string): Exact | null {
  const inShopMoney = fieldOf(fieldOf(fieldOf(value, `${name}_set`), 'shop_money'), 'amount');
  return readExact(inShopMoney) ?? readExact(fieldOf(value, name));
}

/**
 * `price` is that of all units that were ordered, after discounts; Shopify tells discounts and
 * taxes of the quantity that was ordered.
 */
export const shopifyLine = z.looseObject({ id }).transform((value, context) => {
  const unitPrice = amountIn(value, 'price');
  if (unitPrice === null) {
    context.addIssue({ code: 'custom', path: ['price'], message: 'must be an amount' });
    return z.NEVER;
  }
  const units = unitsOf(value['quantity']) ?? 1;
  const taxes = entriesOf(value['tax_lines']);
  const productId = idOrNone(value['product_id']);
  return {
    id: value.id,
    productId,
    units,
    /** What edits and refunds have left; null where this version of the API does not say. */
    unitsLeft: unitsOf(value['current_quantity']),
    price: atLeastNothing(unitPrice * BigInt(units) - discountOf(value)),
    tax: sum(taxes.map((one) => amountIn(one, 'price') ?? 0n)),
    rate: sum(taxes.map((one) => readExact(one['rate']) ?? 0n)),
    // Only the line of a tip has these fields, though they may be null.
    isTip: ('tip_payment_gateway' in value || 'tip_payment_method' in value) && productId === null,
    isGiftCard: value['gift_card'] === true,
  };
});

export type ShopifyLine = z.output<typeof shopifyLine>;

function discountOf(line: Record<string, unknown>): Exact {
  const allocated = entriesOf(line['discount_allocations']);
  if (allocated.length === 0) return amountIn(line, 'total_discount') ?? 0n;
  return sum(allocated.map((one) => amountIn(one, 'amount') ?? 0n));
}

/** The price without tax and with it. */
export function netAndGross({ price, tax }: ShopifyLine, taxesIncluded: boolean): { net: Exact; gross: Exact } {
  return taxesIncluded ? { net: atLeastNothing(price - tax), gross: price } : { net: price, gross: price + tax };
}

/**
 * Whether the price of a line holds its tax, where nobody says so: by the rate, its tax is that of
 * a price that does.
 */
export function seemsTaxIncluded({ price, tax, rate }: ShopifyLine, currency: string): boolean {
  if (tax === 0n || rate <= 0n) return false;
  const ofIncluded = (price * rate) / (ONE + rate);
  const ofExcluded = (price * rate) / ONE;
  const isNear = sizeOf(tax - ofIncluded) <= 2n * minorUnit(currency);
  return isNear && sizeOf(tax - ofIncluded) < sizeOf(tax - ofExcluded);
}
