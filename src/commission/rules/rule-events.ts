// What the world is told of rules: who changed what is earned, from when on, before and after.
import type { RuleScope } from '../../core/plan.ts';
import type { Event } from '../../outbound/event.ts';
import type { Actor } from '../../platform/keys/actor.ts';
import type { showRule, showVersion } from './rule-body.ts';

/** By whom and when, of which draft, and why at once. */
interface ChangedBy {
  actor: Actor;
  now: Date;
  draftId?: string | null;
  emergency?: string | null;
}

type ShownVersion = ReturnType<typeof showVersion>;

/** A version that was published, with the version of its rule before it. */
export function rulePublished(
  { before, after, revertsTo }: { before: ShownVersion | null; after: ShownVersion; revertsTo: number | null },
  by: ChangedBy,
): Event {
  const key = `${after.rule_id} ${after.version}`;
  const data = {
    rule_id: after.rule_id,
    effective_from: after.effective_from.toISOString(),
    before,
    after,
    reverts_to: revertsTo,
    ...told(by),
  };
  return { type: 'rule.published', key, merchantId: merchantOf([after.scope, before?.scope ?? after.scope]), at: by.now, data };
}

/** A rule that ends for good, with all the versions that it had. */
export function ruleEnded({ before, at }: { before: ReturnType<typeof showRule>; at: Date }, by: ChangedBy): Event {
  const data = { rule_id: before.rule_id, effective_from: at.toISOString(), before: before.versions.at(-1), after: null, ...told(by) };
  return { type: 'rule.ended', key: before.rule_id, merchantId: merchantOf(before.versions.map(({ scope }) => scope)), at: by.now, data };
}

const told = ({ actor, draftId = null, emergency = null }: ChangedBy) => ({
  key_id: actor.keyId,
  person: actor.person,
  draft_id: draftId,
  emergency,
});

/** The one merchant that the rule is about, before and after. */
function merchantOf(scopes: readonly RuleScope[]): string | null {
  const [merchantId = null, ...others] = new Set(scopes.map(({ merchant_id: id }) => id ?? null));
  return others.length === 0 ? merchantId : null;
}
