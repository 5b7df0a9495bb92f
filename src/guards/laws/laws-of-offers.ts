// Laws of offers: what an offer says is what its rules say.

import { law } from '../guard.ts';

/**
 * Every place that the latest terms of a running offer name, with the promoters accepted into it,
 * against the latest versions of the rules that are its: all of the offer, and nothing else.
 */
const offerRules = law(
  'whole',
  'offer_rules',
  `with latest as (
    select distinct on (merchant_id, offer_id) merchant_id, offer_id, kind, terms, is_running
    from offer join offer_version using (merchant_id, offer_id) order by merchant_id, offer_id, version desc
  ), goods as (
    select merchant_id, offer_id, jsonb_build_object('product_id', id) as goods
    from latest, jsonb_array_elements_text(case jsonb_typeof(terms -> 'product_ids') when 'array' then terms -> 'product_ids' else '[]' end) as id
    union all
    select merchant_id, offer_id, jsonb_build_object('category', terms -> 'category') from latest
    where jsonb_typeof(terms -> 'category') = 'string'
  ), parties as (
    select merchant_id, offer_id, jsonb_build_object('promoter_id', id) as party
    from latest, jsonb_array_elements_text(terms -> 'promoters') as id
    union
    select merchant_id, offer_id, jsonb_build_object('promoter_id', promoter_id) from offer_application where state = 'accepted'
    union
    select merchant_id, offer_id, jsonb_build_object('agency_id', id) from latest, jsonb_array_elements_text(terms -> 'agencies') as id
    union
    select merchant_id, offer_id, '{}' from latest where kind <> 'directed'
  ), said as (
    select merchant_id, offer_id, jsonb_build_object('merchant_id', merchant_id) || goods || party as scope, terms -> 'plan' as plan,
      kind = 'exclusive' and party = '{}' as closes, (terms ->> 'ends_at')::timestamptz as ends_at
    from latest join goods using (merchant_id, offer_id) join parties using (merchant_id, offer_id) where is_running
  ), published as (
    select merchant_id, offer_id, scope, plan, effective_to
    from offer_rule, lateral (
      select scope, plan, effective_from, effective_to from rule_version
      where rule_version.rule_id = offer_rule.rule_id order by version desc limit 1
    ) as stated
    where effective_to is null or effective_to > effective_from
  )
  select merchant_id, offer_id, scope, said.plan as says, published.plan as pays, ends_at, effective_to
  from said full join published using (merchant_id, offer_id, scope)
  where said.plan is null or published.plan is null or effective_to is distinct from ends_at
    or (closes and ((published.plan ->> 'rate_ppm')::int > 0 or (published.plan ->> 'fixed_per_unit')::bigint > 0))
    or (not closes and said.plan <> published.plan)`,
);

export const LAWS_OF_OFFERS = [offerRules];
