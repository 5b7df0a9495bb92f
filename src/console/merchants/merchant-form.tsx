// The terms of a merchant, to be stated anew. What the form does not show stays as it is.

import { answered, api, type Schemas } from '../parts/api.ts';
import { Form, Mistake, type Field } from '../parts/form.tsx';
import { nameOf, say } from '../parts/say.tsx';

type Merchant = Schemas['Merchant'];
type Model = Merchant['attribution']['model'];

const MODELS = ['last_click', 'first_click', 'linear', 'position_based', 'time_decay'] as const satisfies readonly Model[];
const WHOLE = /^\d{1,4}$/;

interface MerchantFormProps {
  /** Null for a new one. */
  merchant: Merchant | null;
  whenSaved: (merchant: Merchant) => void;
}

export function MerchantForm({ merchant, whenSaved }: MerchantFormProps) {
  const { attribution } = merchant ?? {};
  return (
    <Form
      label={say('save')}
      fields={fields(merchant)}
      initial={{
        merchant_id: merchant?.merchant_id ?? '',
        name: merchant?.name ?? '',
        currency: merchant?.currency ?? 'CNY',
        time_zone: merchant?.time_zone ?? 'Asia/Shanghai',
        landing_hosts: (merchant?.landing_hosts ?? []).join('\n'),
        hold_days: String(merchant?.hold_days ?? ''),
        payouts: merchant?.payouts ?? 'always',
        rate_lock: merchant?.rate_lock ?? 'none',
        rate_notice: String(merchant?.rate_notice?.hours ?? ''),
        model: attribution?.model ?? 'last_click',
        product_click_days: String(attribution?.product_click_days ?? 30),
        order_lock_days: String(attribution?.order_lock_days ?? 30),
        allow_self_purchase: (attribution?.allow_self_purchase ?? true) ? 'yes' : '',
      }}
      submit={async (typed) => {
        const hours = typed['rate_notice'] ?? '';
        const body = {
          name: typed['name'] ?? '',
          currency: typed['currency'] ?? '',
          time_zone: typed['time_zone'] ?? '',
          landing_hosts: (typed['landing_hosts'] ?? '').split(/\s+/).filter((host) => host !== ''),
          ...(typed['hold_days'] !== '' && { hold_days: wholeOf(typed, 'hold_days') }),
          payouts: typed['payouts'] as Merchant['payouts'],
          rate_lock: typed['rate_lock'] as Merchant['rate_lock'],
          rate_notice: hours === '' ? null : { hours: wholeOf(typed, 'rate_notice') },
          attribution: {
            ...attribution,
            model: typed['model'] as Model,
            product_click_days: wholeOf(typed, 'product_click_days'),
            order_lock_days: wholeOf(typed, 'order_lock_days'),
            allow_self_purchase: typed['allow_self_purchase'] === 'yes',
          },
        };
        const path = { merchant_id: typed['merchant_id'] ?? '' };
        whenSaved(await answered(api.PUT('/v1/merchants/{merchant_id}', { params: { path }, body })));
      }}
    />
  );
}

function wholeOf(typed: Readonly<Record<string, string>>, name: string): number {
  const text = (typed[name] ?? '').trim();
  if (!WHOLE.test(text)) throw new Mistake(name, say('whole_number'));
  return Number(text);
}

function choice(kind: 'payouts' | 'rate_lock' | 'model', values: readonly string[]): { value: string; label: string }[] {
  return values.map((value) => ({ value, label: nameOf(kind, value) }));
}

function fields(merchant: Merchant | null): Field[] {
  return [
    { name: 'merchant_id', label: say('merchant_id'), isRequired: true, isFixed: merchant !== null },
    { name: 'name', label: say('name'), isRequired: true },
    { name: 'currency', label: say('currency'), isRequired: true, suggestions: ['CNY', 'HKD', 'USD', 'EUR'] },
    { name: 'time_zone', label: say('time_zone'), isRequired: true, suggestions: ['Asia/Shanghai', 'Asia/Hong_Kong', 'UTC'] },
    { name: 'landing_hosts', label: say('landing_hosts'), kind: 'area', help: say('landing_hosts_help') },
    { name: 'hold_days', label: say('hold_days'), kind: 'number' },
    { name: 'payouts', label: say('payouts_when'), kind: 'select', isRequired: true, options: choice('payouts', ['always', 'when_paid']) },
    { name: 'rate_lock', label: say('rate_lock'), kind: 'select', isRequired: true, options: choice('rate_lock', ['none', 'click']) },
    { name: 'rate_notice', label: say('rate_notice'), kind: 'number', help: say('rate_notice_help') },
    { name: 'model', label: say('model'), kind: 'select', isRequired: true, path: 'attribution.model', options: choice('model', MODELS) },
    { name: 'product_click_days', label: say('product_click_days'), kind: 'number', path: 'attribution.product_click_days' },
    { name: 'order_lock_days', label: say('order_lock_days'), kind: 'number', path: 'attribution.order_lock_days' },
    { name: 'allow_self_purchase', label: say('allow_self_purchase'), kind: 'check', path: 'attribution.allow_self_purchase' },
  ];
}
