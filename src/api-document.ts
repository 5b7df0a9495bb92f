// What the API's document says beside its routes: a guide for each task, the tags, and what the
// names of its fields mean. The requests of the guide are the examples of their operations, put in
// when the document is made, so that they are those that are tried in tests.

import type { OpenApiOptions } from './platform/http/openapi.ts';
import { API_WORDS } from './api-words.ts';

const GUIDE = `Who led the buyer to an order earns a part of it. Fenyong finds out who that was, reckons what each of them gets, and keeps the books.

## Conventions

- Every request under \`/v1\` carries a key: \`Authorization: Bearer <key>\`. A key has a scope; every operation says which ones it takes.
- An admin’s key may have a role (\`operator\`, \`finance\`, \`risk\`), which reads and changes less, and says whose it is (\`person\`): where two
  persons must agree, keys of one person are one.
- A browser signs in once (\`POST /v1/sessions\`) and then needs no key: its cookie does what the key may. Whatever it changes shows \`csrf\` as
  \`X-CSRF-Token\`. \`GET /v1/me\` tells who calls and what he may do. A promoter’s phone signs in by a link that an operator makes.
- Amounts are integers in minor units of a currency (\`29900\` is 299.00 CNY). Ratios are integer parts per million (\`100000\` is 10 %).
- Times are RFC 3339 with an offset, answered in UTC. Ids are strings, always.
- Lists are \`{"data": […], "next_cursor": …}\`: send \`next_cursor\` as \`cursor\` for the next page, until it is null.
- A refusal is \`application/problem+json\` (RFC 9457). A program looks at its \`code\`, people at its \`detail\`, forms at its \`errors\`.
- An \`Idempotency-Key\` makes it safe to send a POST again when its answer was lost. Every PUT is safe to send again as it is.
- An address that answers other methods only refuses with 405 and \`Allow\`; a header above 16 KiB is refused with 431.

## Set up

A merchant, what it sells, who shares, and how much is earned. Whatever is set up counts from then on; the first version counts for all
earlier time too.

{{merchants.put}}

{{products.put}}

{{promoters.put}}

{{rules.publish}}

## Share

A link belongs to one promoter. Whoever follows its \`url\` comes to the landing page with \`fy_click=<token>\` in the query: send that token with
the order.

{{links.make}}

Where you lead the buyer yourself, as in a mini-program, say that there was a click:

{{clicks.make}}

## Report orders

Send what you know of an order, as often as it changes and in any order: reports are merged, and what is absent says nothing. The answer comes
once the report is stored for good; what the order earns is there within a second.

{{orders.report}}

Then read what it earns, and why:

{{orders.get}}

{{orders.explain}}

## Claim

A promoter who misses an order says so. The order is awarded anew with all that is known; an operator decides what that does not settle.

{{claims.make}}

{{claims.decide}}

## Connect a shop

A source is a connection to an order system. It pushes to \`/webhooks/{source_id}\`, signed with its secret, or is asked for its orders, by its kind.

{{sources.put}}

{{pushes.send}}

What the system calls a promoter, a shop or a link is explained once:

{{mappings.put}}

## Files

Merchants, products, promoters, links and mappings are loaded from files of JSON lines. A bad line is refused alone, and a file that was cut off
can be sent again.

{{imports.promoters}}

Orders of a time, or an export of a platform as it is, are compared with what is known; what was missing is taken in.

{{reconciliations.make}}
`;

const TAGS = [
  { name: 'merchants', description: 'Who sells, what, and on which terms.' },
  { name: 'promoters', description: 'Who shares, and who invited whom.' },
  { name: 'links', description: 'Shares, clicks, buyers.' },
  { name: 'imports', description: 'Many merchants, products, promoters or links at once, a JSON line each.' },
  { name: 'sources', description: 'Connections to order systems, what their words mean, and comparing with them.' },
  { name: 'orders', description: 'Reports of orders, and what orders earn.' },
  { name: 'statistics', description: 'What was clicked, sold and earned: figures, exact to this moment, and what each of them counts.' },
  { name: 'deliveries', description: 'What came, byte for byte, and what became of it.' },
  { name: 'erasures', description: 'Buyers who are forgotten.' },
  { name: 'claims', description: 'Promoters who say: this order was mine.' },
  { name: 'rules', description: 'How much is earned, and how it is split.' },
  { name: 'offers', description: 'The product pool: what merchants let promoters share, what a promoter would get, and applications.' },
  { name: 'programs', description: 'Tiers by what promoters sell, and bonuses beside the rules.' },
  { name: 'ledger', description: 'The books.' },
  { name: 'payouts', description: 'Money out: who is paid, when, and what is withheld.' },
  { name: 'debts', description: 'Who owes us, and what is given up.' },
  { name: 'webhooks', description: 'Who is told of what, here and outside.' },
  { name: 'guards', description: 'The laws of the books, checked all the time.' },
  { name: 'keys', description: 'API keys, and signing in.' },
  { name: 'audit', description: 'Who changed what.' },
  { name: 'health', description: 'Whether the process lives and can work.' },
];

/**
 * What stands in the place of a parameter of a path in examples: one world, which the bodies of the
 * examples set up.
 */
const PATH_EXAMPLES = {
  merchant_id: 'm1',
  product_id: 'p1',
  promoter_id: 'bob',
  source_id: 'shop',
  order_id: '1001',
  endpoint_id: 'erp',
  schedule_id: 'monthly',
  code: 'spring-bob',
  type: 'staff',
  value: '42',
};

export const API_DOCUMENT: Omit<OpenApiOptions, 'version'> = {
  title: 'Fenyong API',
  description: GUIDE,
  tags: TAGS,
  words: API_WORDS,
  pathExamples: PATH_EXAMPLES,
};
