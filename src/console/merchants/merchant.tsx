// One merchant: its terms, and its products.

import { answered, api, type Schemas } from '../parts/api.ts';
import { Loaded, useAsked } from '../parts/asked.tsx';
import { plainDecimal } from '../parts/amounts.ts';
import { addressOf, go, type PageProps } from '../parts/place.ts';
import { nameOf, say } from '../parts/say.tsx';
import { useMay } from '../parts/session.ts';
import { Pages, type Column } from '../parts/table.tsx';
import { Amount, Facts, Id, Link, Section, Time } from '../parts/values.tsx';
import { MerchantForm } from './merchant-form.tsx';
import { ProductForm } from './product-form.tsx';

type Merchant = Schemas['Merchant'];

export function MerchantPage({ params }: PageProps) {
  const { merchant_id: id = '' } = params;
  const may = useMay();
  const asked = useAsked(() => answered(api.GET('/v1/merchants/{merchant_id}', { params: { path: { merchant_id: id } } })), [id]);
  return (
    <>
      <h1>
        {say('merchant')} <Id>{id}</Id>
      </h1>
      <Loaded asked={asked}>
        {(merchant) => (
          <>
            <Terms of={merchant} />
            <p>
              <Link to={['orders']} query={{ merchant_id: id }}>
                {say('orders')}
              </Link>
            </p>
            {may('merchants.put') && (
              <details>
                <summary>{say('edit')}</summary>
                <MerchantForm merchant={merchant} whenSaved={asked.again} />
              </details>
            )}
            {may('products.list') && <Products merchant={merchant} />}
          </>
        )}
      </Loaded>
    </>
  );
}

function Terms({ of: merchant }: { of: Merchant }) {
  const { attribution, rate_notice: notice } = merchant;
  return (
    <section className="card">
      <Facts
        of={[
          [say('name'), <Id key="n">{merchant.name}</Id>],
          [say('currency'), merchant.currency],
          [say('time_zone'), merchant.time_zone],
          [say('hold_days'), merchant.hold_days],
          [say('payouts_when'), nameOf('payouts', merchant.payouts)],
          [say('rate_lock'), nameOf('rate_lock', merchant.rate_lock)],
          [say('rate_notice'), notice === null ? '–' : say('hours', { hours: notice.hours })],
          [say('model'), nameOf('model', attribution.model)],
          [say('precedence'), attribution.precedence.map((kind) => nameOf('evidence', kind)).join(' → ')],
          [say('landing_hosts'), merchant.landing_hosts.join(', ')],
          [say('version_of'), merchant.version],
          [say('effective_from'), <Time key="e" at={merchant.effective_from} />],
        ]}
      />
    </section>
  );
}

function Products({ merchant }: { merchant: Merchant }) {
  const may = useMay();
  const { merchant_id: id, currency } = merchant;
  const columns: Column<Schemas['Product']>[] = [
    {
      title: say('product'),
      cell: ({ product_id: product }) => (
        <Link to={['merchants', id, 'products', product]}>
          <Id>{product}</Id>
        </Link>
      ),
      csv: ({ product_id: product }) => product,
    },
    { title: say('title'), cell: ({ title }) => <Id>{title}</Id>, csv: ({ title }) => title },
    { title: say('category'), cell: ({ category }) => <Id>{category}</Id>, csv: ({ category }) => category },
    {
      title: say('price'),
      isNumber: true,
      cell: ({ price }) => <Amount of={price} currency={currency} />,
      csv: ({ price }) => (price === null ? null : { number: plainDecimal(price, currency) }),
    },
    {
      title: say('commissionable'),
      cell: ({ commissionable }) => say(commissionable ? 'yes' : 'no'),
      csv: ({ commissionable }) => say(commissionable ? 'yes' : 'no'),
    },
  ];
  return (
    <>
      <h2>{say('products')}</h2>
      <Pages
        label={say('products')}
        file={`products-${id}`}
        keyOf={({ product_id: product }) => product}
        columns={columns}
        on={[id]}
        ask={(page) => answered(api.GET('/v1/merchants/{merchant_id}/products', { params: { path: { merchant_id: id }, query: page } }))}
      />
      {may('products.put') && (
        <Section title={say('new_product')}>
          <ProductForm
            merchantId={id}
            currency={currency}
            product={null}
            whenSaved={({ product_id: product }) => go(addressOf(['merchants', id, 'products', product]))}
          />
        </Section>
      )}
    </>
  );
}
