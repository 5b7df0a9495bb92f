// Whether an account's or a bank's code can be one: IBAN (ISO 13616) and BIC (ISO 9362), without
// blanks and in capitals.

const IBAN = /^[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}$/;
const BIC = /^[A-Z0-9]{4}[A-Z]{2}[A-Z0-9]{2}(?:[A-Z0-9]{3})?$/;

/** Whether the form is that of an IBAN and its check digits hold (ISO 7064, 97-10). */
export function isIban(text: string): boolean {
  if (!IBAN.test(text)) return false;
  const turned = text.slice(4) + text.slice(0, 4);
  const digits = turned.replaceAll(/[A-Z]/g, (letter) => String(letter.charCodeAt(0) - 55));
  return BigInt(digits) % 97n === 1n;
}

/** Whether the form is that of a BIC; whether the bank is there, only a register knows. */
export function isBic(text: string): boolean {
  return BIC.test(text);
}
