// The rules: to what each applies, how much it gives, and since when.

import { money, percent } from '../parts/amounts.ts';
import { answered, api, type Schemas } from '../parts/api.ts';
import { nameOf, say } from '../parts/say.tsx';
import { useMay } from '../parts/session.ts';
import { Pages, type Column } from '../parts/table.tsx';
import { ToneTag } from '../parts/tags.tsx';
import { Id, Link, Time } from '../parts/values.tsx';

type Rule = Schemas['Rule'];
type RuleVersion = Schemas['RuleVersion'];

export function RulesPage() {
  const may = useMay();
  return (
    <>
      <h1>{say('rules')}</h1>
      {may('rules.effective') && (
        <p>
          <Link to={['effective-rule']}>{say('which_rule')}</Link>
        </p>
      )}
      <Pages
        label={say('rules')}
        file="rules"
        keyOf={({ rule_id: id }) => id}
        columns={columns()}
        on={[]}
        ask={(page) => answered(api.GET('/v1/rules', { params: { query: page } }))}
      />
    </>
  );
}

/** The versions of a rule from the last to the first. */
export function versionsOf({ versions }: Rule): RuleVersion[] {
  return versions.toSorted((one, other) => other.version - one.version);
}

function lastOf(rule: Rule): RuleVersion {
  return versionsOf(rule)[0]!;
}

function columns(): Column<Rule>[] {
  return [
    {
      title: say('name'),
      cell: (rule) => (
        <Link to={['rules', rule.rule_id]}>
          <Id>{lastOf(rule).name}</Id>
        </Link>
      ),
      csv: (rule) => lastOf(rule).name,
    },
    { title: say('applies_to'), cell: (rule) => <Id>{scopeText(lastOf(rule))}</Id>, csv: (rule) => scopeText(lastOf(rule)) },
    { title: say('gives'), cell: (rule) => givesText(lastOf(rule)), csv: (rule) => givesText(lastOf(rule)) },
    { title: say('priority'), isNumber: true, cell: (rule) => lastOf(rule).priority, csv: (rule) => lastOf(rule).priority },
    { title: say('version_of'), isNumber: true, cell: (rule) => lastOf(rule).version, csv: (rule) => lastOf(rule).version },
    { title: say('effective_from'), cell: (rule) => <Time at={lastOf(rule).effective_from} />, csv: (rule) => lastOf(rule).effective_from },
    { title: say('effective_to'), cell: (rule) => <Time at={lastOf(rule).effective_to} />, csv: (rule) => lastOf(rule).effective_to },
    { title: say('state'), cell: (rule) => <InForce of={lastOf(rule)} /> },
  ];
}

/** Whether a version is in force, will be, or was. */
export function InForce({ of: { effective_from: from, effective_to: to } }: { of: RuleVersion }) {
  const now = Date.now();
  if (to !== null && Date.parse(to) <= now) return <ToneTag tone="quiet">{say('ended')}</ToneTag>;
  return Date.parse(from) > now ? <ToneTag tone="warn">{say('coming')}</ToneTag> : <ToneTag tone="good">{say('in_force')}</ToneTag>;
}

/** To what a version applies, as `merchant m1 · product p1`. */
export function scopeText({ scope }: RuleVersion): string {
  const parts = Object.entries(scope).flatMap(([key, value]) => (value === undefined ? [] : [`${nameOf('scope', key)} ${value}`]));
  return parts.length === 0 ? say('everything') : parts.join(' · ');
}

/** How much a version gives, in words. */
export function givesText({ plan }: RuleVersion): string {
  const { base, currency, rate_ppm: rate, fixed_per_unit: fixed, cap_per_line: perLine, cap_per_order: perOrder } = plan;
  const terms = [say('gives_rate', { rate: percent(rate), base: nameOf('base', base) })];
  if (fixed > 0) terms.push(say('gives_fixed', { amount: money(fixed, currency) }));
  if (perLine !== null) terms.push(say('gives_cap_per_line', { amount: money(perLine, currency) }));
  if (perOrder !== null) terms.push(say('gives_cap_per_order', { amount: money(perOrder, currency) }));
  return terms.join(' · ');
}
