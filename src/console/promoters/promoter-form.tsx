// A promoter, to be stated anew, with its coupon codes.

import { answered, api, type Schemas } from '../parts/api.ts';
import { Form, Mistake, type Field } from '../parts/form.tsx';
import { nameOf, say } from '../parts/say.tsx';

type Promoter = Schemas['Promoter'];
type PayeeKind = NonNullable<Promoter['payee']>['kind'];

const KINDS = ['person', 'agency', 'talent'] as const satisfies readonly Promoter['kind'][];
const STATUSES = ['active', 'suspended'] as const satisfies readonly Promoter['status'][];
const PAYEES = ['individual', 'sole_trader', 'company'] as const satisfies readonly PayeeKind[];

interface PromoterFormProps {
  /** Null for a new one. */
  promoter: Promoter | null;
  whenSaved: (promoter: Promoter) => void;
}

export function PromoterForm({ promoter, whenSaved }: PromoterFormProps) {
  return (
    <Form
      label={say('save')}
      fields={fields(promoter)}
      initial={{
        promoter_id: promoter?.promoter_id ?? '',
        name: promoter?.name ?? '',
        kind: promoter?.kind ?? 'person',
        inviter_id: promoter?.inviter_id ?? '',
        agency_id: promoter?.agency_id ?? '',
        tier: promoter?.tier ?? '',
        status: promoter?.status ?? 'active',
        payee: promoter?.payee?.kind ?? '',
        coupon_codes: (promoter?.coupon_codes ?? []).map(({ merchant_id: merchant, code }) => `${merchant} ${code}`).join('\n'),
      }}
      submit={async (typed) => {
        const payee = typed['payee'] ?? '';
        const body = {
          name: typed['name'] ?? '',
          kind: typed['kind'] as Promoter['kind'],
          inviter_id: orNull(typed['inviter_id']),
          agency_id: orNull(typed['agency_id']),
          tier: orNull(typed['tier']),
          status: typed['status'] as Promoter['status'],
          payee: payee === '' ? null : { kind: payee as PayeeKind },
          coupon_codes: codesOf(typed['coupon_codes'] ?? ''),
        };
        const path = { promoter_id: typed['promoter_id'] ?? '' };
        whenSaved(await answered(api.PUT('/v1/promoters/{promoter_id}', { params: { path }, body })));
      }}
    />
  );
}

function orNull(text: string | undefined): string | null {
  return text === undefined || text.trim() === '' ? null : text.trim();
}

/** One code a line, after its merchant. Throws a `Mistake` for a line of only one word. */
function codesOf(text: string): Promoter['coupon_codes'] {
  return text
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => {
      const [, merchant, code] = /^(.+)\s+(\S+)$/.exec(line.trim()) ?? [];
      if (merchant === undefined || code === undefined) throw new Mistake('coupon_codes', say('coupon_codes_help'));
      return { merchant_id: merchant.trim(), code };
    });
}

function fields(promoter: Promoter | null): Field[] {
  return [
    { name: 'promoter_id', label: say('promoter_id'), isRequired: true, isFixed: promoter !== null },
    { name: 'name', label: say('name'), isRequired: true },
    {
      name: 'kind',
      label: say('kind'),
      kind: 'select',
      isRequired: true,
      options: KINDS.map((value) => ({ value, label: nameOf('promoter_kind', value) })),
    },
    { name: 'inviter_id', label: say('inviter') },
    { name: 'agency_id', label: say('agency') },
    { name: 'tier', label: say('tier') },
    {
      name: 'status',
      label: say('status'),
      kind: 'select',
      isRequired: true,
      help: say('suspended_help'),
      options: STATUSES.map((value) => ({ value, label: nameOf('promoter_status', value) })),
    },
    { name: 'payee', label: say('payee_kind'), kind: 'select', options: PAYEES.map((value) => ({ value, label: nameOf('payee', value) })) },
    { name: 'coupon_codes', label: say('coupon_codes'), kind: 'area', help: say('coupon_codes_help') },
  ];
}
