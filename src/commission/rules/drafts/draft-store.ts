// Drafts in the database: each as it was written last, and who wrote it each time.
import { sql, type Kysely, type Transaction } from 'kysely';
import { DomainError } from '../../../core/errors.ts';
import { stringifyJson } from '../../../platform/http/json.ts';
import type { Actor } from '../../../platform/keys/actor.ts';
import type { DB } from '../../../platform/postgres/tables.ts';
import type { DraftKind } from './draft-kind.ts';

export const DRAFT_STATES = ['draft', 'approved', 'published', 'rejected'] as const;

/** What a draft says, and what it is about. */
export interface DraftContent {
  kind: DraftKind['kind'];
  /** As it was stated. */
  change: unknown;
  note: string | null;
  /** Why promoters are not told before; null: they are. */
  emergency: string | null;
  merchantId: string | null;
  subjectId: string | null;
  baseVersion: number | null;
}

/** Who wrote a draft, once. */
interface DraftEdit {
  keyId: string;
  person: string;
  editedAt: Date;
}

export interface Draft extends DraftContent {
  draftId: string;
  revision: number;
  contentHash: Buffer;
  state: (typeof DRAFT_STATES)[number];
  madeAt: Date;
  changedAt: Date;
  approvedAt: Date | null;
  approvedBy: string | null;
  /** That nobody else could have approved it. */
  approvedAlone: boolean | null;
  acknowledged: string[] | null;
  decidedAt: Date | null;
  decidedBy: string | null;
  reason: string | null;
  publishedVersion: number | null;
  /** In their order. */
  edits: DraftEdit[];
}

interface DraftRow {
  draft_id: string;
  kind: string;
  change: unknown;
  note: string | null;
  emergency: string | null;
  merchant_id: string | null;
  subject_id: string | null;
  base_version: number | null;
  revision: number;
  content_hash: Buffer;
  state: string;
  made_at: Date;
  changed_at: Date;
  approved_at: Date | null;
  approved_by: string | null;
  approved_alone: boolean | null;
  acknowledged: string[] | null;
  decided_at: Date | null;
  decided_by: string | null;
  reason: string | null;
  published_version: number | null;
  edits: { key_id: string; person: string; edited_at: string }[];
}

const COLUMNS = sql`draft_id, kind, change, note, emergency, merchant_id, subject_id, base_version, revision, content_hash, state, made_at,
  changed_at, approved_at, approved_by, approved_alone, acknowledged, decided_at, decided_by, reason, published_version, (
    select json_agg(json_build_object('key_id', key_id, 'person', person, 'edited_at', edited_at) order by edit.revision)
    from rule_draft_edit as edit where edit.draft_id = rule_draft.draft_id
  ) as edits`;

function readDraft(row: DraftRow): Draft {
  return {
    draftId: row.draft_id,
    kind: row.kind as Draft['kind'],
    change: row.change,
    note: row.note,
    emergency: row.emergency,
    merchantId: row.merchant_id,
    subjectId: row.subject_id,
    baseVersion: row.base_version,
    revision: row.revision,
    contentHash: row.content_hash,
    state: row.state as Draft['state'],
    madeAt: row.made_at,
    changedAt: row.changed_at,
    approvedAt: row.approved_at,
    approvedBy: row.approved_by,
    approvedAlone: row.approved_alone,
    acknowledged: row.acknowledged,
    decidedAt: row.decided_at,
    decidedBy: row.decided_by,
    reason: row.reason,
    publishedVersion: row.published_version,
    edits: row.edits.map((edit) => ({ keyId: edit.key_id, person: edit.person, editedAt: new Date(edit.edited_at) })),
  };
}

/** Throws `not_found`. */
export async function findDraft(db: Kysely<DB>, draftId: string): Promise<Draft> {
  const { rows } = await sql<DraftRow>`select ${COLUMNS} from rule_draft where draft_id = ${draftId}`.execute(db);
  if (rows[0] === undefined) throw new DomainError('not_found', 'There is no draft of this id.');
  return readDraft(rows[0]);
}

/** The draft, locked until the transaction ends: what becomes of it is decided once. */
export async function lockDraft(trx: Transaction<DB>, draftId: string): Promise<Draft> {
  await sql`select from rule_draft where draft_id = ${draftId} for update`.execute(trx);
  return findDraft(trx, draftId);
}

/** Drafts from the newest, one more than asked for. */
export async function listDrafts(
  db: Kysely<DB>,
  filter: { state: Draft['state'] | null; merchantId: string | null },
  { limit, before }: { limit: number; before: string | null },
): Promise<Draft[]> {
  const { rows } = await sql<DraftRow>`
    select ${COLUMNS} from rule_draft where true
      ${filter.state === null ? sql`` : sql`and state = ${filter.state}`}
      ${filter.merchantId === null ? sql`` : sql`and merchant_id = ${filter.merchantId}`}
      ${before === null ? sql`` : sql`and draft_id < ${before}`}
    order by draft_id desc limit ${limit + 1}`.execute(db);
  return rows.map(readDraft);
}

interface Writing {
  draftId: string;
  revision: number;
  contentHash: Buffer;
  actor: Actor;
  now: Date;
}

/** Writes a draft, for the first time or anew; anew it has no approval any more. */
export async function writeDraft(trx: Transaction<DB>, content: DraftContent, writing: Writing): Promise<void> {
  const { draftId, revision, contentHash, actor, now } = writing;
  const change = stringifyJson(content.change);
  const written = {
    kind: content.kind,
    merchant_id: content.merchantId,
    subject_id: content.subjectId,
    base_version: content.baseVersion,
    change,
    note: content.note,
    emergency: content.emergency,
    revision,
    content_hash: contentHash,
    changed_at: now,
  };
  const unapproved = {
    state: 'draft',
    approved_at: null,
    approved_by: null,
    approved_person: null,
    approved_alone: null,
    acknowledged: null,
  };
  await trx
    .insertInto('rule_draft')
    .values({ draft_id: draftId, ...written, ...unapproved, made_at: now })
    .onConflict((conflict) => conflict.column('draft_id').doUpdateSet({ ...written, ...unapproved }))
    .execute();
  await trx
    .insertInto('rule_draft_edit')
    .values({ draft_id: draftId, revision, key_id: actor.keyId, person: actor.person, edited_at: now, change })
    .execute();
}

export async function saveApproval(
  trx: Transaction<DB>,
  draftId: string,
  { actor, now, alone, acknowledged }: { actor: Actor; now: Date; alone: boolean; acknowledged: readonly string[] },
): Promise<void> {
  await sql`
    update rule_draft set state = 'approved', approved_at = ${now}, approved_by = ${actor.keyId}, approved_person = ${actor.person},
      approved_alone = ${alone}, acknowledged = ${acknowledged}::text[] where draft_id = ${draftId}`.execute(trx);
}

/** Notes what a draft has come to: it stays so. */
export async function saveDecision(
  trx: Transaction<DB>,
  draftId: string,
  decision: { state: 'published'; subjectId: string; version: number } | { state: 'rejected'; reason: string },
  { actor, now }: { actor: Actor; now: Date },
): Promise<void> {
  const set =
    decision.state === 'published'
      ? sql`subject_id = ${decision.subjectId}, published_version = ${decision.version}`
      : sql`reason = ${decision.reason}`;
  await sql`
    update rule_draft set state = ${decision.state}, ${set}, decided_at = ${now}, decided_by = ${actor.keyId}
    where draft_id = ${draftId}`.execute(trx);
}
