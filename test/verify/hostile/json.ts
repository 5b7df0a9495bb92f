// JSON as hostile senders write it: the same content in ever other bytes, numbers that no double
// holds, members in any order.

import type { Random } from '../random.ts';

/** A number as it is to be written, digit for digit. */
export class Literal {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** The text of a value; undefined members are left out. */
export function jsonText(value: unknown, random: Random): string {
  const isLoose = random.chance(0.3);
  const gap = () => (isLoose ? random.pick(['', ' ', '\n\t', '\r\n']) : '');
  const write = (one: unknown): string => {
    if (one instanceof Literal) return one.text;
    if (typeof one === 'string') return stringText(one, random);
    if (Array.isArray(one)) return `[${gap()}${one.map(write).join(`,${gap()}`)}${gap()}]`;
    if (typeof one !== 'object' || one === null) return JSON.stringify(one);
    const members = shuffled(
      Object.entries(one).filter(([, member]) => member !== undefined),
      random,
    );
    return `{${gap()}${members.map(([name, member]) => `${stringText(name, random)}${gap()}:${gap()}${write(member)}`).join(`,${gap()}`)}${gap()}}`;
  };
  return gap() + write(value) + gap();
}

/** Characters may be written by their codes. */
function stringText(text: string, random: Random): string {
  const plain = JSON.stringify(text);
  if (!random.chance(0.05)) return plain;
  return `"${escapedUnits(text)}"`;
}

const escapedUnits = (text: string): string =>
  Array.from({ length: text.length }, (_, index) => `\\u${text.charCodeAt(index).toString(16).padStart(4, '0')}`).join('');

export function shuffled<Item>(items: readonly Item[], random: Random): Item[] {
  const all = [...items];
  for (let last = all.length - 1; last > 0; last -= 1) {
    const other = random.int(0, last);
    [all[last], all[other]] = [all[other]!, all[last]!];
  }
  return all;
}

/** An integer in one of the ways in which JSON may write it. */
export function integer(value: number, random: Random): Literal {
  const ways = [String(value), String(value), String(value), `${value}.0`, `${value}e0`, value === 0 ? '0' : `${value}0E-1`];
  return new Literal(random.pick(ways));
}

/** An id as its text, or as the number that it looks like, however long. */
export function idOf(id: string, random: Random): string | Literal {
  const isNumber = /^(?:0|[1-9]\d{0,30})$/.test(id);
  return isNumber && random.chance(0.5) ? new Literal(id) : id;
}

/** The moment in one of the ways of RFC 3339. */
export function timeText(at: number, random: Random): string {
  const offset = random.pick([null, null, '+08:00', '-03:30', '+14:00', '-00:00']);
  const [, sign, hours, minutes] = /^([+-])(\d\d):(\d\d)$/.exec(offset ?? '') ?? [];
  const ahead = sign === undefined ? 0 : (sign === '-' ? -1 : 1) * (Number(hours) * 60 + Number(minutes)) * 60_000;
  const clock = new Date(at + ahead).toISOString();
  const fraction = at % 1000 === 0 ? random.pick(['', '.000', '.0', '.000000']) : clock.slice(19, 23);
  return clock.slice(0, 19) + fraction + (offset ?? 'Z');
}
