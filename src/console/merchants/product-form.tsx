// A product, to be stated anew.

import { minorDigits, plainDecimal, unitsOf } from '../parts/amounts.ts';
import { answered, api, type Schemas } from '../parts/api.ts';
import { Form, Mistake } from '../parts/form.tsx';
import { say } from '../parts/say.tsx';

type Product = Schemas['Product'];

interface ProductFormProps {
  merchantId: string;
  /** The merchant's, in which the price is. */
  currency: string;
  /** Null for a new one. */
  product: Product | null;
  whenSaved: (product: Product) => void;
}

export function ProductForm({ merchantId, currency, product, whenSaved }: ProductFormProps) {
  const price = product?.price;
  return (
    <Form
      label={say('save')}
      fields={[
        { name: 'product_id', label: say('product_id'), isRequired: true, isFixed: product !== null },
        { name: 'title', label: say('title'), isRequired: true },
        { name: 'category', label: say('category') },
        { name: 'price', label: `${say('price')} (${currency})`, kind: 'number' },
        { name: 'landing_url', label: say('landing_url') },
        { name: 'commissionable', label: say('commissionable'), kind: 'check' },
      ]}
      initial={{
        product_id: product?.product_id ?? '',
        title: product?.title ?? '',
        category: product?.category ?? '',
        price: price === null || price === undefined ? '' : plainDecimal(price, currency),
        landing_url: product?.landing_url ?? '',
        commissionable: (product?.commissionable ?? true) ? 'yes' : '',
      }}
      submit={async (typed) => {
        const body = {
          title: typed['title'] ?? '',
          category: orNull(typed['category']),
          price: priceOf(typed['price'] ?? '', currency),
          landing_url: orNull(typed['landing_url']),
          commissionable: typed['commissionable'] === 'yes',
        };
        const path = { merchant_id: merchantId, product_id: typed['product_id'] ?? '' };
        whenSaved(await answered(api.PUT('/v1/merchants/{merchant_id}/products/{product_id}', { params: { path }, body })));
      }}
    />
  );
}

function orNull(text: string | undefined): string | null {
  return text === undefined || text.trim() === '' ? null : text.trim();
}

function priceOf(text: string, currency: string): number | null {
  if (text.trim() === '') return null;
  const units = unitsOf(text, minorDigits(currency));
  if (units === null) throw new Mistake('price', say('amount_expected', { currency }));
  return units;
}
