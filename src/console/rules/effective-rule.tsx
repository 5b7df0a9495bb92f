// Which rule pays for something at a moment, and why the others that match do not.

import { answered, api, type Schemas } from '../parts/api.ts';
import { Loaded, Nothing, useAsked } from '../parts/asked.tsx';
import { Filters } from '../parts/form.tsx';
import { given } from '../parts/given.ts';
import { addressOf, go, type PageProps } from '../parts/place.ts';
import { nameOf, say } from '../parts/say.tsx';
import { Id, Link, Section, Time } from '../parts/values.tsx';

export function EffectiveRulePage({ query }: PageProps) {
  return (
    <>
      <h1>{say('which_rule')}</h1>
      <Filters
        key={JSON.stringify(query)}
        query={query}
        fields={[
          { name: 'merchant_id', label: say('merchant'), isRequired: true },
          { name: 'product_id', label: say('product') },
          { name: 'promoter_id', label: say('promoter') },
          { name: 'category', label: say('category') },
          { name: 'campaign_id', label: say('campaign') },
          { name: 'at', label: say('at_moment'), kind: 'datetime-local' },
        ]}
        choose={(typed) => go(addressOf(['effective-rule'], typed), { replace: true })}
      />
      {query['merchant_id'] !== undefined && <Answer query={query} merchantId={query['merchant_id']} />}
    </>
  );
}

function Answer({ query, merchantId }: { query: PageProps['query']; merchantId: string }) {
  const { product_id, promoter_id, category, campaign_id, at } = query;
  const asked = useAsked(() => {
    const moment = at === undefined ? undefined : new Date(at).toISOString();
    const rest = given({ product_id, promoter_id, category, campaign_id, at: moment });
    return answered(api.GET('/v1/rules/effective', { params: { query: { merchant_id: merchantId, ...rest } } }));
  }, [JSON.stringify(query)]);
  return (
    <Loaded asked={asked}>
      {({ at: asOf, winner, losers }) => (
        <Section title={say('rule_that_pays')} side={<Time at={asOf} />}>
          {winner === null ? <Nothing>{nameOf('reason', 'no_rule_matches')}</Nothing> : <Outcome of={winner} won />}
          {losers.map((loser) => (
            <Outcome key={`${loser.rule_id} ${loser.version}`} of={loser} won={false} />
          ))}
        </Section>
      )}
    </Loaded>
  );
}

function Outcome({ of: { rule_id: id, name, version, reason }, won }: { of: Schemas['RuleOutcome']; won: boolean }) {
  return (
    <p>
      <Link to={['rules', id]}>
        <Id>{name}</Id>
      </Link>{' '}
      {say(won ? 'rule.won' : 'rule.lost', { name, version, reason: nameOf('rule_reason', reason) })}
    </p>
  );
}
