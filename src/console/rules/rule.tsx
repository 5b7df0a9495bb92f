// One rule with all its versions: to what each applies, how much it gives, and how that is split;
// ending it, and bringing an earlier version back.

import { percent } from '../parts/amounts.ts';
import { answered, api, type Schemas } from '../parts/api.ts';
import { Loaded, useAsked } from '../parts/asked.tsx';
import { Act } from '../parts/dialog.tsx';
import { Form } from '../parts/form.tsx';
import type { PageProps } from '../parts/place.ts';
import { nameOf, say } from '../parts/say.tsx';
import { useMay } from '../parts/session.ts';
import { Facts, Id, Section, Time } from '../parts/values.tsx';
import { visible } from '../parts/visible.ts';
import { roleOf } from '../orders/story.ts';
import { givesText, InForce, scopeText, versionsOf } from './rules.tsx';

type Rule = Schemas['Rule'];
type RuleVersion = Schemas['RuleVersion'];
type PlanNode = Schemas['PlanNode'];

export function RulePage({ params }: PageProps) {
  const { rule_id: id = '' } = params;
  const asked = useAsked(() => answered(api.GET('/v1/rules/{rule_id}', { params: { path: { rule_id: id } } })), [id]);
  return (
    <Loaded asked={asked}>
      {(rule) => (
        <>
          <h1>
            {say('rule')} <Id>{versionsOf(rule)[0]?.name}</Id>
          </h1>
          <p className="faint">
            <code>{id}</code>
          </p>
          <Versions rule={rule} again={asked.again} />
          <EndRule rule={rule} again={asked.again} />
        </>
      )}
    </Loaded>
  );
}

function Versions({ rule, again }: { rule: Rule; again: () => void }) {
  const may = useMay();
  return versionsOf(rule).map((version, index) => (
    <Section key={version.version} title={say('version', { version: version.version })} side={<InForce of={version} />}>
      <Version of={version} />
      {index > 0 && may('rules.revert') && (
        <Act
          label={say('bring_back')}
          act={async () => {
            const path = { rule_id: rule.rule_id };
            await answered(api.POST('/v1/rules/{rule_id}/reversion', { params: { path }, body: { to_version: version.version } }));
            again();
          }}
          confirm={
            <p>
              {say('bring_back_means', { version: version.version })} <Id>{version.name}</Id>: {givesText(version)}
            </p>
          }
        />
      )}
    </Section>
  ));
}

function Version({ of: version }: { of: RuleVersion }) {
  return (
    <>
      <Facts
        of={[
          [say('name'), <Id key="n">{version.name}</Id>],
          [say('applies_to'), <Id key="s">{scopeText(version)}</Id>],
          [say('gives'), givesText(version)],
          [say('priority'), version.priority],
          [say('effective_from'), <Time key="f" at={version.effective_from} />],
          [say('effective_to'), <Time key="t" at={version.effective_to} />],
        ]}
      />
      <h3>{say('split')}</h3>
      <div className="tree">
        <Split nodes={version.plan.split} />
      </div>
    </>
  );
}

/** The tree of the plan: each gets a part of the gross of whom it stands below. */
function Split({ nodes }: { nodes: readonly PlanNode[] }) {
  if (nodes.length === 0) return null;
  return (
    <ul>
      {nodes.map((node) => {
        const who = whoOf(node);
        return (
          <li key={who}>
            {visible(say('split_share', { who, share: percent(node.share_ppm) }))}
            <Split nodes={node.pays} />
          </li>
        );
      })}
    </ul>
  );
}

function whoOf({ to, level }: PlanNode): string {
  if (typeof to !== 'string') return to.account;
  return level === undefined ? nameOf('role', to) : roleOf({ role: to, level });
}

function EndRule({ rule, again }: { rule: Rule; again: () => void }) {
  const may = useMay();
  const last = versionsOf(rule)[0];
  if (!may('rules.end') || last === undefined || last.effective_to !== null) return null;
  return (
    <Section title={say('end_rule')}>
      <p>
        {say('end_rule_means')} <Id>{last.name}</Id> ({scopeText(last)})
      </p>
      <Form
        label={say('end_rule')}
        fields={[{ name: 'at', label: say('end_at'), kind: 'datetime-local', help: say('end_at_help') }]}
        submit={async ({ at = '' }) => {
          const body = at === '' ? {} : { at: new Date(at).toISOString() };
          await answered(api.POST('/v1/rules/{rule_id}/end', { params: { path: { rule_id: rule.rule_id } }, body }));
          again();
        }}
      />
    </Section>
  );
}
