// Drafts on the wire: what is read of one, and how it is answered.
import { z } from 'zod';
import { DomainError } from '../../../core/errors.ts';
import { WARNING_CODES, type RuleWarning } from '../../../core/rules/rule-check.ts';
import { bodyExamples, callerId, words } from '../../../platform/http/fields.ts';
import { faultsOf } from '../../../platform/http/problem.ts';
import { newRule, statedRule } from '../rule-body.ts';
import { faultSchema, showWarning, warningSchema, type RuleFault } from '../rule-check-routes.ts';
import { campaignTerms } from '../../campaigns/campaign-body.ts';
import { offerDraft } from '../../offers/offer-body.ts';
import { DRAFT_KINDS, type DraftKind } from './draft-kind.ts';
import { DRAFT_STATES, type Draft } from './draft-store.ts';
import { earningTerms } from './merchant-drafts.ts';
import { programTerms } from './program-drafts.ts';
import { endOfRule, returnOfRule } from './rule-drafts.ts';

const NOTE_LENGTH_MAX = 1000;
const note = words(NOTE_LENGTH_MAX);

const beside = {
  note: note.nullish().meta({ description: 'What the approver should know.' }),
  emergency: z
    .strictObject({ reason: note })
    .nullish()
    .meta({ description: 'Why promoters are not told before: with it the rate notice is not kept. Two persons have to be there.' }),
};
const besides = z.strictObject(beside);

const EXAMPLE = {
  rule: {
    name: 'strollers 8 %',
    scope: { merchant_id: 'm1', product_id: 'p1' },
    plan: { rate_ppm: 80_000, split: [{ to: 'promoter', share_ppm: 1_000_000 }] },
  },
  note: 'Agreed with the merchant in May.',
};

/** A change under its name, or a rule by itself. */
export const draftBody = z
  .union([
    z.strictObject({ rule: statedRule, ...beside }),
    z.strictObject({ end: endOfRule.meta({ description: 'The end of a rule for good.' }), ...beside }),
    z.strictObject({ reversion: returnOfRule.meta({ description: 'The content of an earlier version as the next one.' }), ...beside }),
    z.strictObject({
      offer: offerDraft.meta({ description: 'All terms of an offer, as it is put itself, with its merchant and its id.' }),
      ...beside,
    }),
    z.strictObject({
      program: programTerms.meta({ description: 'All terms of a tier or bonus program, as it is put itself, with its `kind` and its id.' }),
      ...beside,
    }),
    z.strictObject({
      campaign: campaignTerms.meta({ description: 'All terms of a campaign, as it is put itself, with its id.' }),
      ...beside,
    }),
    z.strictObject({ merchant: earningTerms.meta({ description: 'Terms of a merchant; what is left out stays.' }), ...beside }),
    newRule.extend({ rule_id: callerId.optional(), ...beside }),
  ])
  .meta({ description: 'One change under its name, or a rule by itself.', ...bodyExamples(EXAMPLE) });

/** A draft as it is stated, its change not looked at yet. */
export interface StatedDraft {
  kind: DraftKind['kind'];
  change: unknown;
  note: string | null;
  emergency: string | null;
}

/**
 * Reads a draft: one change under its name, else the body is a rule. Throws `malformed_request`.
 */
export function readDraft(body: unknown): StatedDraft {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) throw malformed('', 'must be an object');
  const { note: noted, emergency, ...stated } = body as Record<string, unknown>;
  const read = besides.safeParse({ note: noted, emergency });
  if (!read.success) {
    const [{ path, message } = { path: '', message: 'is wrong' }] = faultsOf(read.error);
    throw malformed(path, message);
  }
  const named = DRAFT_KINDS.filter((kind) => kind in stated);
  const [kind = 'rule', ...others] = named;
  const more = Object.keys(stated).find((key) => key !== kind);
  if (others.length > 0) throw malformed(more!, 'must not stand beside another change');
  if (named.length > 0 && more !== undefined) throw malformed(more, 'Unknown key');
  const change = named.length === 0 ? stated : stated[kind];
  return { kind, change, note: read.data.note ?? null, emergency: read.data.emergency?.reason ?? null };
}

function malformed(path: string, message: string): DomainError {
  return new DomainError('malformed_request', `The draft is wrong ${path === '' ? 'as a whole' : `at ${path}`}: ${message}.`, {
    errors: [{ path, message }],
  });
}

const HASH = /^[0-9a-f]{64}$/;

export const approvalBody = z
  .strictObject({
    content_hash: z
      .string()
      .regex(HASH, 'must be the hash of the draft, in small hexadecimal letters')
      .meta({ description: 'The hash of the draft as it was looked at.' }),
    acknowledged: z
      .array(z.enum(WARNING_CODES))
      .max(WARNING_CODES.length)
      .default([])
      .meta({ description: 'The codes of the warnings that were seen; all that the draft has must be among them.' }),
  })
  .meta(bodyExamples({ content_hash: '0'.repeat(64), acknowledged: ['no_cap_on_open_scope'] }));

export const rejectionBody = z.strictObject({ reason: note }).meta(bodyExamples({ reason: 'The merchant has not agreed.' }));

const listedDraft = z.object({
  draft_id: z.string(),
  state: z.enum(DRAFT_STATES).meta({ description: 'It waits for a second person, or for its publication, or is decided for good.' }),
  kind: z.enum(DRAFT_KINDS).meta({ description: 'What is changed.' }),
  change: z.unknown().meta({ description: 'As it was stated.' }),
  note: z.string().nullable().meta({ description: 'What the approver should know.' }),
  emergency: z.object({ reason: z.string() }).nullable().meta({ description: 'Why promoters are not told before; null: they are.' }),
  merchant_id: z.string().nullable().meta({ description: 'Whose lines alone it is about; null: of several merchants, or of all.' }),
  subject_id: z.string().nullable().meta({
    description: 'The rule, offer, program or merchant that it changes, an offer as `merchant/offer`; null: a rule that is not made yet.',
  }),
  base_version: z
    .int()
    .nullable()
    .meta({ description: 'What it was drafted against, null: nothing was there; with a newer version it is stale.' }),
  revision: z.int().meta({ description: 'How often it was written.' }),
  content_hash: z.string().meta({ description: 'What an approval names. Every writing has another one.' }),
  edited_by: z
    .array(z.object({ key_id: z.string(), person: z.string(), edited_at: z.date().meta({ description: 'When it was written.' }) }))
    .meta({ description: 'Who wrote it, each time: none of them approves it.' }),
  approved_at: z.date().nullable(),
  approved_by: z.string().nullable().meta({ description: 'The key of who approved it.' }),
  approved_alone: z.boolean().nullable().meta({ description: 'That nobody else could have approved it.' }),
  acknowledged: z.array(z.string()).nullable().meta({ description: 'The warnings that the approver has seen.' }),
  decided_at: z.date().nullable().meta({ description: 'When it was published or rejected.' }),
  decided_by: z.string().nullable().meta({ description: 'The key of who published or rejected it.' }),
  reason: z.string().nullable().meta({ description: 'Why it was rejected.' }),
  published_version: z.int().nullable().meta({ description: 'The version of the subject that it became.' }),
  made_at: z.date(),
  changed_at: z.date(),
});

export const listedDraftSchema = listedDraft.meta({ id: 'ListedRuleDraft' });

export const draftSchema = listedDraft
  .extend({
    errors: z.array(faultSchema).meta({ description: 'Why it would be refused if it were published now.' }),
    warnings: z.array(warningSchema).meta({ description: 'What may not be meant, as of now: an approval acknowledges it.' }),
  })
  .meta({ id: 'RuleDraft' });

export function showListedDraft(draft: Draft): z.output<typeof listedDraft> {
  return {
    draft_id: draft.draftId,
    state: draft.state,
    kind: draft.kind,
    change: draft.change,
    note: draft.note,
    emergency: draft.emergency === null ? null : { reason: draft.emergency },
    merchant_id: draft.merchantId,
    subject_id: draft.subjectId,
    base_version: draft.baseVersion,
    revision: draft.revision,
    content_hash: draft.contentHash.toString('hex'),
    edited_by: draft.edits.map(({ keyId, person, editedAt }) => ({ key_id: keyId, person, edited_at: editedAt })),
    approved_at: draft.approvedAt,
    approved_by: draft.approvedBy,
    approved_alone: draft.approvedAlone,
    acknowledged: draft.acknowledged,
    decided_at: draft.decidedAt,
    decided_by: draft.decidedBy,
    reason: draft.reason,
    published_version: draft.publishedVersion,
    made_at: draft.madeAt,
    changed_at: draft.changedAt,
  };
}

export function showDraft(
  draft: Draft,
  { errors, warnings }: { errors: RuleFault[]; warnings: RuleWarning[] },
): z.output<typeof draftSchema> {
  return { ...showListedDraft(draft), errors, warnings: warnings.map(showWarning) };
}
