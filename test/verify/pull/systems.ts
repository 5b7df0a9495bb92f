// The order systems that are pulled, and who sold what they tell of.

import type { components } from '../../../client/api.ts';
import { SUBJECTS } from '../../sources/subjects.ts';
import type { Double, Subject } from '../../sources/subject.ts';

type Row = Record<string, unknown>;
/** As the API names it. */
type Kind = components['schemas']['Source']['kind'];

export interface System {
  kind: Kind;
  subject: Subject & { open: () => Promise<Double> };
  /** What the system calls Bob: a mapping says so. */
  bob?: { type: string; value: string };
  /** Writes the code of Bob's link into a row, as a shop does. */
  withLink?: (code: string) => Row;
}

/**
 * Where there is neither, nobody earns: 抖店 says of a shop's orders who presented them, and not who
 * shared them.
 */
const SOLD: Readonly<Record<string, Pick<System, 'bob' | 'withLink'>>> = {
  shopify: { withLink: (code) => ({ customAttributes: [{ key: 'fy_link', value: code }] }) },
  woocommerce: { withLink: (code) => ({ meta_data: [{ key: 'fy_link', value: code }] }) },
  'wechat-shop': { bob: { type: 'sharer', value: 'sharer-1' } },
  taobao: { bob: { type: 'relation_id', value: '2000000001' } },
  jd: { bob: { type: 'sub_union_id', value: 'u_42' } },
  pdd: { bob: { type: 'custom_parameters', value: '42' } },
};

export const SYSTEMS: readonly System[] = SUBJECTS.flatMap((subject) => {
  const { adapter, open } = subject;
  return open === undefined ? [] : [{ kind: adapter.kind as Kind, subject: { ...subject, open }, ...SOLD[adapter.kind] }];
});
