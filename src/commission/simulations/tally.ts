// What a rehearsal adds up: before and after, in all and by whom or what it is of. Pure.

export const SUM_KINDS = ['promoter', 'role', 'product', 'day'] as const;
export type SumKind = (typeof SUM_KINDS)[number];

/** What one party, role, product or day has, in minor units. */
export interface Sum {
  kind: SumKind;
  /** Of products, whose ids are a merchant's own; else empty. */
  merchantId: string;
  /** Empty for the platform, and for lines without a product. */
  name: string;
  before: bigint;
  after: bigint;
}

/** Sums that grow while orders are looked at. */
export class Tally {
  private readonly sums = new Map<string, Sum>();

  get size(): number {
    return this.sums.size;
  }

  add(one: Sum): void {
    // Ids hold no control characters.
    const key = `${one.kind}\n${one.merchantId}\n${one.name}`;
    const sum = this.sums.get(key);
    if (sum === undefined) {
      this.sums.set(key, { ...one });
      return;
    }
    sum.before += one.before;
    sum.after += one.after;
  }

  /** The sums so far; it begins again at nothing. */
  take(): Sum[] {
    const taken = [...this.sums.values()];
    this.sums.clear();
    return taken;
  }
}
