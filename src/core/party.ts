// Who stands around a winner, and what each of them gets of a line.

/**
 * As what somebody is paid: `account` is a party that the plan names itself, `boost` is what a
 * campaign pays the winner beside the plan.
 */
export const ROLES = ['promoter', 'upline', 'agency', 'talent', 'talent_agency', 'platform', 'account', 'boost'] as const;
export type Role = (typeof ROLES)[number];

/** Who stands around one winner. Null is absent: there is none, or a suspended one. */
export interface Parties {
  promoter: string | null;
  /** The frozen chain above the winner; level 1 comes first. */
  uplines: readonly (string | null)[];
  agency: string | null;
  talent: string | null;
  talentAgency: string | null;
  /** Asked for parties that the plan names itself; without it they are present. */
  isPresent?: (promoterId: string) => boolean;
}

/** What one beneficiary gets, net and never zero. Platform shares have no promoter. */
export interface Share {
  role: Role;
  level: number | null;
  promoterId: string | null;
  amount: bigint;
  /** Out of which budget a boost comes; no other share has one. */
  campaignId?: string;
}
