// What campaigns would pay under the changes: campaigns that are changed are asked anew by every
// line, in the order of attribution times; what others have granted stays as it was recorded, less
// or more where their line would be otherwise.

import type { Transaction } from 'kysely';

import { compareWishes } from '../../../core/programs/boost.ts';
import { Budget } from '../../../core/programs/budget.ts';
import type { DB } from '../../../platform/postgres/tables.ts';
import {
  askCampaigns,
  campaignsFor,
  divide,
  isSameLine,
  partsOf,
  wantedNow,
  takenBy,
  withBoost,
  type Candidate,
} from '../../award/boosting.ts';
import type { SettledLine, Subject } from '../../award/decide.ts';
import type { PinnedBoost } from '../../award/pin.ts';
import { limitsAt } from '../../campaigns/campaign.ts';
import { campaignsOf, type Campaigns } from '../../campaigns/campaign-cache.ts';
import type { Facts } from '../../facts/facts.ts';
import { readLinks } from '../../facts/facts-store.ts';
import type { BudgetReplay } from './replayed-budgets.ts';
import type { RecordedOrder } from '../simulated-order.ts';

/** The campaigns of one rehearsal, and what of their budgets is spent so far. */
export class RehearsedBoosts {
  readonly campaigns: Campaigns;
  private readonly budgets: ReadonlyMap<string, Budget>;
  private readonly changed: ReadonlySet<string>;
  private readonly changing: ReadonlySet<string>;

  constructor({ campaigns, at }: BudgetReplay) {
    this.campaigns = campaignsOf(
      campaigns.map(({ campaign }) => campaign),
      0n,
    );
    this.budgets = new Map(
      campaigns.map(({ campaign, state, isChanged }) => {
        const limits = isChanged ? campaign.versions[0]!.limits : limitsAt(campaign, at);
        return [campaign.campaignId, new Budget(limits, state)];
      }),
    );
    const changed = campaigns.filter(({ isChanged }) => isChanged);
    this.changed = new Set(changed.map(({ campaign }) => campaign.campaignId));
    this.changing = new Set(changed.map(({ campaign }) => campaign.merchantId));
  }

  /** Whether every order of this merchant is looked at, because a campaign of it is changed. */
  replays(merchantId: string): boolean {
    return this.changing.has(merchantId);
  }

  /** The facts with the campaigns, and with the links by whose scenes they may ask. */
  async factsFor(trx: Transaction<DB>, orders: readonly RecordedOrder[], facts: Facts): Promise<Facts> {
    const codes = new Set<string>();
    for (const { lines } of orders) {
      for (const { pin } of lines) for (const { link_code: code } of pin?.winners ?? []) if (code !== null) codes.add(code);
    }
    const links = codes.size === 0 ? [] : await readLinks(trx, [...codes]);
    return { ...facts, campaigns: this.campaigns, links: new Map(links.map((link) => [link.code, link])) };
  }

  /** The lines of an order with what campaigns would pay them. */
  boost(settled: readonly SettledLine[], subject: Subject, facts: Facts): SettledLine[] {
    return settled.map((one) => {
      const boost = this.boostOf(one, subject, facts);
      return boost === null ? withoutBoost(one) : withBoost(withoutBoost(one), boost, []);
    });
  }

  private boostOf(one: SettledLine, subject: Subject, facts: Facts): PinnedBoost | null {
    const standing = subject.standing.get(one.line.lineId);
    const taken = this.recorded(takenBy(standing));
    const { attributionAt } = subject.order;
    if (one.choice.decision !== 'attributed' || attributionAt === null) return this.giveBack(taken);
    const held = standing?.decision === 'attributed' ? (standing.held?.pin ?? null) : null;
    const isSame = held !== null && isSameLine(held, one.choice.pin!, one.line, attributionAt);
    const asked = campaignsFor(one, subject, facts, attributionAt);
    const day = asked?.day ?? '';
    // A line that was decided asks no campaign again but those that are changed.
    const candidates = (asked?.candidates ?? []).filter(({ campaign }) => !isSame || this.changed.has(campaign.campaignId));
    if (taken === null || !isSame) {
      this.giveBack(taken);
      return askCampaigns(one, { candidates, passedOver: [], day }, this.budgets).boost;
    }
    const wanted = wantedNow(taken, one);
    const better = candidates.filter((candidate) => wantsMore(candidate, taken, wanted, this.campaigns));
    const won = askCampaigns(one, { candidates: better, passedOver: [], day }, this.budgets).boost;
    if (isPaid(won)) {
      this.giveBack(taken);
      return won;
    }
    const kept = this.keep(taken, divide(wanted, one.choice.pin!));
    const others = candidates.filter((candidate) => !better.includes(candidate));
    return isPaid(kept) ? kept : askCampaigns(one, { candidates: others, passedOver: [], day }, this.budgets).boost;
  }

  /** What a campaign has granted that is not changed. */
  private recorded(taken: PinnedBoost | null): PinnedBoost | null {
    return taken === null || this.changed.has(taken.campaign_id) ? null : taken;
  }

  private giveBack(taken: PinnedBoost | null): null {
    if (taken !== null) {
      const parts = partsOf(taken, ({ amount }) => BigInt(amount));
      this.budgets.get(taken.campaign_id)?.giveBack(taken.day, parts);
    }
    return null;
  }

  /**
   * As much as is wanted now: less goes back, and where the line would always have wanted more,
   * that is taken of what is left.
   */
  private keep(taken: PinnedBoost, wanted: readonly bigint[]): PinnedBoost {
    const budget = this.budgets.get(taken.campaign_id);
    const had = taken.parts.map((part) => BigInt(part.amount));
    const stays = wanted.map((amount, index) => (amount < had[index]! ? amount : had[index]!));
    budget?.giveBack(
      taken.day,
      partsOf(taken, (_, index) => had[index]! - stays[index]!),
    );
    const isMore = (index: number): boolean => wanted[index]! > BigInt(taken.parts[index]!.wanted);
    const more = budget?.rise(
      taken.day,
      partsOf(taken, (_, index) => (isMore(index) ? wanted[index]! - stays[index]! : 0n)),
    );
    const parts = taken.parts.map((part, index) => {
      const amount = Number(stays[index]! + (more?.[index] ?? 0n));
      return { ...part, wanted: Number(wanted[index]!), granted: Math.max(part.granted, amount), amount };
    });
    return { ...taken, parts };
  }
}

const isPaid = (boost: PinnedBoost | null): boolean => boost?.parts.some(({ amount }) => amount > 0) ?? false;

/** Whether a campaign is asked before the one that has granted something. */
function wantsMore({ campaign, version, wanted }: Candidate, taken: PinnedBoost, takenWants: bigint, { byId }: Campaigns): boolean {
  const other = byId.get(taken.campaign_id)?.versions.find((one) => one.version === taken.version);
  const startsAt = other?.startsAt.getTime() ?? 0;
  const wish = { campaignId: campaign.campaignId, startsAt: version.startsAt.getTime(), wanted };
  return compareWishes(wish, { campaignId: taken.campaign_id, startsAt, wanted: takenWants }) < 0;
}

/** A line as it is settled by its rule alone: what its pin holds of a boost is said apart. */
function withoutBoost(one: SettledLine): SettledLine {
  const { pin } = one.choice;
  if (pin?.boost === undefined) return one;
  const { boost: _boost, ...bare } = pin;
  return { ...one, choice: { ...one.choice, pin: bare } };
}
