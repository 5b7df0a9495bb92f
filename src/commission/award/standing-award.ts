// What stands of an award: its header, its decisions and holds, as they are in the tables.
import type { EvidenceKind } from '../../core/attribution.ts';
import type { KnownOrder } from '../../orders/order-store.ts';
import type { LineDecisionKind } from './decision.ts';
import type { Pin } from './pin.ts';
import type { Role } from '../../core/party.ts';

export interface DueOrder extends KnownOrder {
  hasSplitChildren: boolean;
  isDuplicate: boolean;
  /** A report of it waits, because with it the order would be larger than orders may be. */
  isTooLarge: boolean;
  award: StandingAward | null;
}

/** The header of an award, as it is in the table. */
export interface AwardHeader {
  revision: number;
  state: 'none' | 'estimated' | 'confirmed' | 'released' | 'void';
  decisions: string[];
  currency: string | null;
  attributionAt: Date | null;
  holdDays: number | null;
  completedAt: Date | null;
  /** When the next hold of a line ends. */
  releasesAt: Date | null;
  /** When the last line that earns was released; null while one is not. */
  releasedAt: Date | null;
  /** Some line is not released, so that its winner may change. */
  isOpen: boolean;
  recheckAt: Date | null;
  lockPromoterId: string | null;
  lockLinkCode: string | null;
  lockClickedAt: Date | null;
  /** How many identities of the locked buyer the order knew; 0 where it locks nobody. */
  lockIdentities: number;
  /** Absent where a version of before awarded, which did not write it down. */
  progress?: LineProgress[];
}

/** How far an attributed line has come beside its decision, as it is written. */
export interface LineProgress {
  line_id: string;
  is_completed: boolean;
  /** How many refunds of it succeeded. */
  refunds: number;
}

/**
 * The hold of one line. `endsAt` is null while nothing says when; a release is once and for good.
 */
export interface LineHold {
  lineId: string;
  holdDays: number;
  endsAt: Date | null;
  releasedAt: Date | null;
}

export interface NewHold extends LineHold {
  orderKey: bigint;
}

export interface StandingAward {
  header: AwardHeader;
  holds: ReadonlyMap<string, LineHold>;
  lines: StandingDecision[];
  /**
   * Of the lines that are void, held or given to another order for now: what they were attributed
   * by before.
   */
  setAside: StandingDecision[];
}

/**
 * A decision as it was written; the explanations are JSON texts, to be compared without being
 * parsed.
 */
export interface StandingDecision {
  line_id: string;
  product_id: string | null;
  decision: LineDecisionKind;
  evidence: EvidenceKind | null;
  promoter_id: string | null;
  rule_id: string | null;
  rule_version: number | null;
  quantity: number;
  paid_amount: bigint;
  refunded_amount: bigint;
  base: bigint;
  pool: bigint;
  shares: WrittenShare[];
  pinned: Pin | null;
  explanation: string;
  /** What the explanations of all lines share; with the first line only. */
  order_explanation: string | null;
}

/** A net share as it is written: the amount is a JSON integer of minor units. */
export interface WrittenShare {
  role: Role;
  level: number | null;
  promoter_id: string | null;
  amount: number;
  /** Of a boost. */
  campaign_id?: string;
}

export interface NewDecision extends StandingDecision {
  order_key: bigint;
  revision: number;
}

export interface NewHeader extends AwardHeader {
  orderKey: bigint;
  merchantId: string;
}
