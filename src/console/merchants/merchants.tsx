// The merchants, and making one.

import { answered, api, type Schemas } from '../parts/api.ts';
import { addressOf, go } from '../parts/place.ts';
import { nameOf, say } from '../parts/say.tsx';
import { useMay } from '../parts/session.ts';
import { Pages, type Column } from '../parts/table.tsx';
import { Id, MerchantLink, Section } from '../parts/values.tsx';
import { MerchantForm } from './merchant-form.tsx';

export function MerchantsPage() {
  const may = useMay();
  return (
    <>
      <h1>{say('merchants')}</h1>
      <Pages
        label={say('merchants')}
        file="merchants"
        keyOf={({ merchant_id: id }) => id}
        columns={columns()}
        on={[]}
        ask={(page) => answered(api.GET('/v1/merchants', { params: { query: page } }))}
      />
      {may('merchants.put') && (
        <Section title={say('new_merchant')}>
          <MerchantForm merchant={null} whenSaved={({ merchant_id: id }) => go(addressOf(['merchants', id]))} />
        </Section>
      )}
    </>
  );
}

function columns(): Column<Schemas['Merchant']>[] {
  return [
    { title: say('merchant'), cell: ({ merchant_id: id }) => <MerchantLink id={id} />, csv: ({ merchant_id: id }) => id },
    { title: say('name'), cell: ({ name }) => <Id>{name}</Id>, csv: ({ name }) => name },
    { title: say('currency'), cell: ({ currency }) => currency, csv: ({ currency }) => currency },
    { title: say('time_zone'), cell: ({ time_zone: zone }) => zone, csv: ({ time_zone: zone }) => zone },
    { title: say('hold_days'), isNumber: true, cell: ({ hold_days: days }) => days, csv: ({ hold_days: days }) => days },
    { title: say('payouts_when'), cell: ({ payouts }) => nameOf('payouts', payouts), csv: ({ payouts }) => nameOf('payouts', payouts) },
  ];
}
