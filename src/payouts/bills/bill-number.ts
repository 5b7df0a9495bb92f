// The number of a bill: derived, never drawn, so that a restored database makes the number again
// that the provider knows.

import { createHmac, type KeyObject } from 'node:crypto';

interface BillPlace {
  providerId: string;
  promoterId: string;
  currency: string;
  /** The how-manieth bill of the promoter at the provider in this currency, from 1. */
  sequence: number;
}

/**
 * A number in the provider's alphabet, made of the deployment's own key and the place: the same for
 * the same place, and told apart from all others by more than a hundred bits.
 */
export function billNumber(
  key: KeyObject,
  { providerId, promoterId, currency, sequence }: BillPlace,
  { alphabet, length }: { alphabet: string; length: number },
): string {
  const text = ['bill', providerId, promoterId, currency, sequence].map((field) => `${field}\n`).join('');
  let rest = BigInt(`0x${createHmac('sha512', key).update(text).digest('hex')}`);
  const base = BigInt(alphabet.length);
  let number = '';
  while (number.length < length) {
    number += alphabet[Number(rest % base)]!;
    rest /= base;
  }
  return number;
}
