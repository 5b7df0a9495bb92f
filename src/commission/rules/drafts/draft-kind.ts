// What can be drafted: every kind of change says what it changes, what is to be said of it, and how
// it is published.
import type { Kysely, Transaction } from 'kysely';
import type { RuleWarning } from '../../../core/rules/rule-check.ts';
import type { Actor } from '../../../platform/keys/actor.ts';
import type { DB } from '../../../platform/postgres/tables.ts';
import type { RuleFault } from '../rule-check-routes.ts';

/** All kinds of drafts, by the names under which they are stated. */
export const DRAFT_KINDS = ['rule', 'end', 'reversion', 'offer', 'campaign', 'program', 'merchant'] as const;

/** One kind of drafts. */
export interface DraftKind {
  kind: (typeof DRAFT_KINDS)[number];
  /** Reads what is stated under its name. Throws what a direct request would throw of it. */
  read: (stated: unknown) => DraftedChange;
}

/** What a change is about. */
export interface DraftSubject {
  /** Whose lines alone it is about; null: of several merchants, or of all. */
  merchantId: string | null;
  /** The rule, offer, program or merchant that it changes; null: a rule that is not made yet. */
  subjectId: string | null;
  /** Its latest version; null: of a new one. */
  version: number | null;
}

export interface Circumstances {
  now: Date;
  levelsMax: number;
}

/** By whom and when a draft is published. */
interface Publication extends Circumstances {
  actor: Actor;
  draftId: string;
  emergency: string | null;
}

/** What a publication has made: the version of the subject, and how it is answered. */
export interface Published {
  subjectId: string;
  version: number;
  body: unknown;
}

/** A change that was read. */
export interface DraftedChange {
  /** Throws `not_found` where it changes what is not there. */
  subject: (db: Kysely<DB>) => Promise<DraftSubject>;
  /** Refuses what can never be published, whatever changes until then. */
  refuse: (db: Kysely<DB>, given: Circumstances) => Promise<void>;
  /** Why it would be refused if it were published now, and what may not be meant. */
  check: (trx: Transaction<DB>, given: Circumstances) => Promise<{ errors: RuleFault[]; warnings: RuleWarning[] }>;
  /** Takes what it changes for this transaction, so that nobody else changes it meanwhile. */
  lock: (trx: Transaction<DB>) => Promise<void>;
  publish: (trx: Transaction<DB>, by: Publication) => Promise<Published>;
}
