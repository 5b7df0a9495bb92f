// One product: what is known of it, and which rule pays for it.

import { answered, api } from '../parts/api.ts';
import { Loaded, useAsked } from '../parts/asked.tsx';
import type { PageProps } from '../parts/place.ts';
import { say } from '../parts/say.tsx';
import { useMay } from '../parts/session.ts';
import { Amount, Facts, Id, Link, MerchantLink, Time } from '../parts/values.tsx';
import { ProductForm } from './product-form.tsx';

export function ProductPage({ params }: PageProps) {
  const { merchant_id: merchantId = '', product_id: productId = '' } = params;
  const may = useMay();
  const path = { merchant_id: merchantId, product_id: productId };
  const asked = useAsked(async () => {
    const [product, { currency }] = await Promise.all([
      answered(api.GET('/v1/merchants/{merchant_id}/products/{product_id}', { params: { path } })),
      answered(api.GET('/v1/merchants/{merchant_id}', { params: { path: { merchant_id: merchantId } } })),
    ]);
    return { product, currency };
  }, [merchantId, productId]);
  return (
    <>
      <h1>
        {say('product')} <Id>{productId}</Id>
      </h1>
      <Loaded asked={asked}>
        {({ product, currency }) => (
          <>
            <section className="card">
              <Facts
                of={[
                  [say('merchant'), <MerchantLink key="m" id={merchantId} />],
                  [say('title'), <Id key="t">{product.title}</Id>],
                  [say('category'), <Id key="c">{product.category}</Id>],
                  [say('price'), <Amount key="p" of={product.price} currency={currency} />],
                  [say('landing_url'), <Id key="u">{product.landing_url}</Id>],
                  [say('commissionable'), say(product.commissionable ? 'yes' : 'no')],
                  [say('version_of'), product.version],
                  [say('effective_from'), <Time key="e" at={product.effective_from} />],
                ]}
              />
            </section>
            {may('rules.effective') && (
              <p>
                <Link to={['effective-rule']} query={{ merchant_id: merchantId, product_id: productId }}>
                  {say('which_rule')}
                </Link>
              </p>
            )}
            {may('products.put') && (
              <details>
                <summary>{say('edit')}</summary>
                <ProductForm merchantId={merchantId} currency={currency} product={product} whenSaved={asked.again} />
              </details>
            )}
          </>
        )}
      </Loaded>
    </>
  );
}
