// The life of a draft: written, approved by somebody who did not write it, published or rejected.
import { createHash } from 'node:crypto';
import type { Transaction } from 'kysely';
import { DomainError } from '../../../core/errors.ts';
import { stringifyJson } from '../../../platform/http/json.ts';
import { mayActFor, type Actor } from '../../../platform/keys/actor.ts';
import { recordChange } from '../../../platform/keys/audit-log.ts';
import { approvedAs, isRelatedKey, requireSecondPerson } from '../../../platform/keys/persons.ts';
import type { DB } from '../../../platform/postgres/tables.ts';
import type { StatedDraft } from './draft-body.ts';
import type { DraftedChange, DraftKind, Published } from './draft-kind.ts';
import { findDraft, lockDraft, saveApproval, saveDecision, writeDraft, type Draft, type DraftContent } from './draft-store.ts';

export interface RuleDraftDeps {
  levelsMax: number;
  kinds: readonly DraftKind[];
}

/** Who does something with a draft, and when. */
interface By {
  draftId: string;
  actor: Actor;
  now: Date;
}

/**
 * Makes a draft. Throws what the change throws that could never be published, `not_found` for what
 * is not there, `forbidden` for a key that is bound to another merchant.
 */
export async function makeDraft(trx: Transaction<DB>, deps: RuleDraftDeps, stated: StatedDraft, by: By): Promise<Draft> {
  const draft = await write(trx, deps, stated, { ...by, revision: 1 });
  await audit(trx, by, { action: 'rule_draft_made', before: null, after: draft });
  return draft;
}

/**
 * Writes a draft anew: it has another hash, and no approval. Throws `draft_decided`, and what
 * making it throws.
 */
export async function changeDraft(trx: Transaction<DB>, deps: RuleDraftDeps, stated: StatedDraft, by: By): Promise<Draft> {
  const before = await openDraft(trx, by);
  const draft = await write(trx, deps, stated, { ...by, revision: before.revision + 1 });
  await audit(trx, by, { action: 'rule_draft_changed', before, after: draft });
  return draft;
}

async function write(
  trx: Transaction<DB>,
  deps: RuleDraftDeps,
  { kind, change, note, emergency }: StatedDraft,
  { draftId, actor, now, revision }: By & { revision: number },
): Promise<Draft> {
  const drafted = changeOfDraft(deps, { kind, change });
  const { merchantId, subjectId, version } = await drafted.subject(trx);
  mayActFor(actor, merchantId);
  await drafted.refuse(trx, { now, levelsMax: deps.levelsMax });
  const content: DraftContent = { kind, change, note, emergency, merchantId, subjectId, baseVersion: version };
  await writeDraft(trx, content, { draftId, revision, contentHash: hashOf(content, revision), actor, now });
  return findDraft(trx, draftId);
}

/**
 * Approves a draft as it was looked at. Throws `not_found`, `draft_decided`, `draft_changed`,
 * `second_person_required`, `draft_stale`, `warnings_not_acknowledged`.
 */
export async function approveDraft(
  trx: Transaction<DB>,
  deps: RuleDraftDeps,
  { contentHash, acknowledged }: { contentHash: Buffer; acknowledged: readonly string[] },
  by: By,
): Promise<Draft> {
  const before = await openDraft(trx, by);
  if (!before.contentHash.equals(contentHash)) throw new DomainError('draft_changed', 'The draft is not what was looked at.');
  if (before.state === 'approved') throw new DomainError('draft_decided', 'This draft was approved before.');
  const persons = before.edits.map(({ person }) => person);
  const { alone } = await requireSecondPerson(trx, { persons, at: before.changedAt }, by.actor, 'operator');
  if (alone && before.emergency !== null) {
    throw new DomainError('second_person_required', 'An emergency is approved by a second person, even where there is only one yet.');
  }
  const drafted = changeOfDraft(deps, before);
  await refuseStale(trx, drafted, before);
  const { warnings } = await drafted.check(trx, { now: by.now, levelsMax: deps.levelsMax });
  const missing = [...new Set(warnings.map(({ code }) => code))].filter((code) => !acknowledged.includes(code));
  if (missing.length > 0) {
    const errors = missing.map((code) => ({ path: 'acknowledged', message: `must name ${code}` }));
    throw new DomainError('warnings_not_acknowledged', `The draft has warnings that nobody has acknowledged: ${missing.join(', ')}.`, {
      errors,
    });
  }
  await saveApproval(trx, by.draftId, { ...by, alone, acknowledged });
  const after = await findDraft(trx, by.draftId);
  const related = await isRelatedKey(trx, { keyIds: before.edits.map(({ keyId }) => keyId), at: before.changedAt }, by.actor);
  await audit(trx, by, { action: approvedAs('rule_draft_approved', { alone, related }), before, after });
  return after;
}

/**
 * Publishes an approved draft, once. Throws `not_found`, `draft_decided`, `draft_not_approved`,
 * `draft_stale`, and what the change itself is refused for.
 */
export async function publishDraft(trx: Transaction<DB>, deps: RuleDraftDeps, by: By): Promise<Published> {
  const before = await openDraft(trx, by);
  if (before.state !== 'approved') throw new DomainError('draft_not_approved', 'This draft was not approved as it is.');
  const drafted = changeOfDraft(deps, before);
  await drafted.lock(trx);
  await refuseStale(trx, drafted, before);
  const { draftId, actor, now } = by;
  const published = await drafted.publish(trx, { draftId, actor, now, emergency: before.emergency, levelsMax: deps.levelsMax });
  await saveDecision(trx, draftId, { state: 'published', subjectId: published.subjectId, version: published.version }, by);
  await audit(trx, by, { action: 'rule_draft_published', before, after: await findDraft(trx, draftId) });
  return published;
}

/** Rejects a draft for good. Throws `not_found` and `draft_decided`. */
export async function rejectDraft(trx: Transaction<DB>, reason: string, by: By): Promise<Draft> {
  const before = await openDraft(trx, by);
  await saveDecision(trx, by.draftId, { state: 'rejected', reason }, by);
  const after = await findDraft(trx, by.draftId);
  await audit(trx, by, { action: 'rule_draft_rejected', before, after });
  return after;
}

/** The change that a draft states. Throws `unprocessable` for a kind that is not drafted here. */
export function changeOfDraft(
  { kinds }: Pick<RuleDraftDeps, 'kinds'>,
  { kind, change }: Pick<DraftContent, 'kind' | 'change'>,
): DraftedChange {
  const known = kinds.find((one) => one.kind === kind);
  if (known !== undefined) return known.read(change);
  throw new DomainError('unprocessable', `A draft of ${kind} is not known here.`, {
    errors: [{ path: kind, message: 'cannot be drafted' }],
  });
}

/** A draft that is not decided yet, locked. */
async function openDraft(trx: Transaction<DB>, { draftId, actor }: By): Promise<Draft> {
  const draft = await lockDraft(trx, draftId);
  mayActFor(actor, draft.merchantId);
  if (draft.state === 'published') throw new DomainError('draft_decided', 'This draft was published before.');
  if (draft.state === 'rejected') throw new DomainError('draft_decided', 'This draft was rejected.');
  return draft;
}

async function refuseStale(trx: Transaction<DB>, drafted: DraftedChange, { baseVersion }: Draft): Promise<void> {
  const { version, subjectId } = await drafted.subject(trx);
  if (version === baseVersion) return;
  const basis = baseVersion === null ? 'before it was made' : `against version ${baseVersion}`;
  throw new DomainError('draft_stale', `${subjectId} has version ${version} by now, and this was drafted ${basis}.`);
}

/** SHA-256 of all that is approved; every writing has another one. */
function hashOf(content: DraftContent, revision: number): Buffer {
  return createHash('sha256')
    .update(stringifyJson(inOrder({ ...content, revision })))
    .digest();
}

/** The same value with the keys of its objects in order, as its hash must not depend on theirs. */
function inOrder(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(inOrder);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, inside]) => [key, inOrder(inside)]));
}

const shown = (draft: Draft | null) => draft && { ...draft, contentHash: draft.contentHash.toString('hex') };

async function audit(
  trx: Transaction<DB>,
  { draftId, actor, now }: By,
  change: { action: string; before: Draft | null; after: Draft },
): Promise<void> {
  const { action, before, after } = change;
  await recordChange(trx, {
    actor,
    now,
    action,
    subjectKind: 'rule_draft',
    subjectId: draftId,
    before: shown(before),
    after: shown(after),
  });
}
