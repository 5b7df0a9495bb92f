// The budget of a campaign while somebody holds it: what may still be granted under its limits,
// and what comes back. Three limits hold at once, and none is exceeded by one minor unit.

import { assert } from '../errors.ts';

/** Minor units; null is no limit. */
export interface BudgetLimits {
  total: bigint;
  perDay: bigint | null;
  perPromoter: bigint | null;
  /** Where less is left than is wanted, that is granted; else nothing. */
  partialLast: boolean;
  /** What comes back after a grant did not fit the total is granted again. */
  reopens: boolean;
}

/** What is spent of one limit. A limit that was lowered may be less than was spent before. */
interface Purse {
  limit: bigint | null;
  spent: bigint;
}

/** What is spent of a budget, as it is kept; of whom nothing is said nothing is spent. */
export interface BudgetState {
  spent: bigint;
  orders: number;
  /** The total that a grant did not fit; with a higher one the budget is exhausted no longer. */
  exhaustedTotal: bigint | null;
  days: ReadonlyMap<string, bigint>;
  promoters: ReadonlyMap<string, bigint>;
}

/** Why less was granted than was wanted. */
export const SHORTAGES = ['exhausted', 'total_spent', 'day_spent', 'promoter_spent'] as const;
type Shortage = (typeof SHORTAGES)[number];

/** What one winner of a line wants, or is granted. */
export interface BoostPart {
  promoterId: string;
  amount: bigint;
}

/**
 * A budget whose rows nobody else can change. Every amount that is granted is spent at once, and
 * what is given back can be granted to whoever comes next.
 */
export class Budget {
  private readonly total: Purse;
  private readonly days = new Map<string, Purse>();
  private readonly promoters = new Map<string, Purse>();
  /** How many orders have something of it. */
  orders: number;
  private exhaustedTotal: bigint | null;
  private readonly limits: BudgetLimits;
  private readonly state: BudgetState;

  constructor(limits: BudgetLimits, state: BudgetState) {
    this.limits = limits;
    this.state = state;
    this.total = { limit: limits.total, spent: state.spent };
    this.orders = state.orders;
    this.exhaustedTotal = state.exhaustedTotal;
  }

  /**
   * Grants what the winners of one line want, as far as all limits leave it; nothing where they
   * leave less and the budget grants whole wishes only. Answers the parts in their order. Once a
   * grant did not fit the total nothing is granted any more, unless the budget reopens.
   */
  grant(day: string, wanted: readonly BoostPart[]): { granted: bigint[]; shortage: Shortage | null } {
    const nothing = wanted.map(() => 0n);
    if (isExhausted(this.limits.total, this.exhaustedTotal) && !this.limits.reopens) return { granted: nothing, shortage: 'exhausted' };
    const ofDay = this.dayPurse(day);
    const within = fit(wanted, leftOf(ofDay), ({ promoterId }) => leftOf(this.promoterPurse(promoterId)));
    const isShort = sumOf(within.parts) < sumOf(wanted.map(({ amount }) => amount));
    if (isShort && !this.limits.partialLast) return { granted: nothing, shortage: within.shortage };
    const left = leftOf(this.total)!;
    const fits = sumOf(within.parts) <= left;
    if (!fits) this.exhaustedTotal = this.limits.total;
    if (!fits && !this.limits.partialLast) return { granted: nothing, shortage: 'total_spent' };
    const granted = fits ? within.parts : cut(within.parts, left);
    this.spend(day, wanted, granted);
    return { granted, shortage: fits ? within.shortage : 'total_spent' };
  }

  /**
   * Takes more for a line that was granted it before and had less since: as much as the limits
   * leave, whether or not the budget still grants anything.
   */
  rise(day: string, wanted: readonly BoostPart[]): bigint[] {
    const { parts } = fit(wanted, leftOf(this.dayPurse(day)), ({ promoterId }) => leftOf(this.promoterPurse(promoterId)));
    const taken = cut(parts, leftOf(this.total)!);
    this.spend(day, wanted, taken);
    return taken;
  }

  giveBack(day: string, parts: readonly BoostPart[]): void {
    this.spend(
      day,
      parts,
      parts.map(({ amount }) => -amount),
    );
  }

  private spend(day: string, parts: readonly BoostPart[], amounts: readonly bigint[]): void {
    const ofDay = this.dayPurse(day);
    for (const [index, { promoterId }] of parts.entries()) {
      const amount = amounts[index]!;
      for (const purse of [this.total, ofDay, this.promoterPurse(promoterId)]) {
        purse.spent += amount;
        assert(purse.spent >= 0n, 'no more is given back than was granted');
        assert(purse.limit === null || amount <= 0n || purse.spent <= purse.limit, 'no limit of a budget is exceeded');
      }
    }
  }

  private dayPurse(day: string): Purse {
    return purseIn(this.days, day, { limit: this.limits.perDay, spent: this.state.days.get(day) ?? 0n });
  }

  private promoterPurse(promoterId: string): Purse {
    return purseIn(this.promoters, promoterId, { limit: this.limits.perPromoter, spent: this.state.promoters.get(promoterId) ?? 0n });
  }

  /** The budget as it is to be kept: what is spent of which limit now, where that has changed. */
  changes(): BudgetChanges {
    const { state } = this;
    return {
      total: spendOf(this.total),
      orders: this.orders,
      exhaustedTotal: this.exhaustedTotal,
      days: changedIn(this.days, state.days),
      promoters: changedIn(this.promoters, state.promoters),
    };
  }
}

/** Whether a grant did not fit this total, or a higher one. */
export function isExhausted(total: bigint, exhaustedTotal: bigint | null): boolean {
  return exhaustedTotal !== null && total <= exhaustedTotal;
}

/** What is spent of a limit; `cap` is the limit, or what is spent where that is more. */
export interface Spend {
  cap: bigint | null;
  spent: bigint;
}

interface BudgetChanges {
  total: Spend;
  orders: number;
  exhaustedTotal: bigint | null;
  days: Map<string, Spend>;
  promoters: Map<string, Spend>;
}

const spendOf = ({ limit, spent }: Purse): Spend => ({ cap: limit !== null && limit < spent ? spent : limit, spent });

function changedIn(purses: ReadonlyMap<string, Purse>, before: ReadonlyMap<string, bigint>): Map<string, Spend> {
  const changed = [...purses].filter(([name, { spent }]) => spent !== (before.get(name) ?? 0n));
  return new Map(changed.map(([name, purse]) => [name, spendOf(purse)]));
}

function purseIn(purses: Map<string, Purse>, name: string, unknown: Purse): Purse {
  const purse = purses.get(name) ?? unknown;
  purses.set(name, purse);
  return purse;
}

function leftOf({ limit, spent }: Purse): bigint | null {
  if (limit === null) return null;
  return limit > spent ? limit - spent : 0n;
}

/** Parts as far as a day and each promoter leave room for them. */
function fit(wanted: readonly BoostPart[], leftOfDay: bigint | null, leftOfPromoter: (part: BoostPart) => bigint | null) {
  let [left, shortage] = [leftOfDay, null as Shortage | null];
  const parts = wanted.map((part) => {
    const own = leastOf(part.amount, leftOfPromoter(part));
    if (own < part.amount) shortage ??= 'promoter_spent';
    const amount = leastOf(own, left);
    if (amount < own) shortage ??= 'day_spent';
    if (left !== null) left -= amount;
    return amount;
  });
  return { parts, shortage };
}

/** Parts of which the first ones are whole, until no more is left. */
function cut(parts: readonly bigint[], most: bigint): bigint[] {
  let left = most;
  return parts.map((part) => {
    const amount = leastOf(part, left);
    left -= amount;
    return amount;
  });
}

const leastOf = (amount: bigint, limit: bigint | null): bigint => (limit !== null && limit < amount ? limit : amount);

function sumOf(amounts: readonly bigint[]): bigint {
  let sum = 0n;
  for (const amount of amounts) sum += amount;
  return sum;
}
