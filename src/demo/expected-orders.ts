// What the orders of the story must come to, reckoned by hand.

export interface ExpectedLine {
  decision: string;
  evidence: string | null;
  winner: string | null;
  rule: string | null;
  pool: number;
  /** `role promoter amount`, in the order of the tree. */
  shares: string[];
}

interface ExpectedOrder {
  order_id: string;
  source_id: string;
  /** What this order shows. */
  story: string;
  award: string;
  lines: ExpectedLine[];
}

function won(evidence: string, winner: string, rule: string, pool: number, ...shares: string[]): ExpectedLine {
  return { decision: 'attributed', evidence, winner, rule, pool, shares };
}

function nobody(decision: string): ExpectedLine {
  return { decision, evidence: null, winner: null, rule: null, pool: 0, shares: [] };
}

function order(source_id: string, order_id: string, story: string, award: string, ...lines: ExpectedLine[]): ExpectedOrder {
  return { source_id, order_id, story, award, lines };
}

/** All orders, in the order of the story. */
export const EXPECTED_ORDERS: readonly ExpectedOrder[] = [
  order(
    'rest',
    'M-1001',
    'the last click wins',
    'confirmed',
    won('click', 'bob', '默认 10%', 999, 'agency xinghe 300', 'promoter bob 630', 'upline alice 69'),
  ),
  order(
    'rest',
    'M-1002',
    'the rule of a category',
    'estimated',
    won('click_token', 'carol', '奶粉 15%', 4485, 'promoter carol 3588', 'upline bob 897'),
  ),
  order(
    'rest',
    'M-1003',
    'the same buyer again',
    'estimated',
    won('lock', 'carol', '默认 10%', 999, 'promoter carol 630', 'upline bob 69'),
  ),
  order(
    'rest',
    'M-1004',
    'a click told late',
    'estimated',
    won('click', 'alice', '默认 10%', 1999, 'agency xinghe 600', 'promoter alice 1399'),
  ),
  order('rest', 'M-1005', 'a robot had clicked', 'none', nobody('unattributed')),
  order('rest', 'M-1006', 'an unknown coupon', 'none', nobody('unattributed')),
  order('rest', 'M-1007', 'matured after 7 days', 'released', won('click_token', 'mo', '奶粉 15%', 179_400, 'promoter mo 179400')),
  order(
    'haochi-erp',
    'H-2001',
    'five parties, live',
    'released',
    won(
      'click_token',
      'bob',
      '直播五方 10%',
      1000,
      'platform - 400',
      'talent_agency yunduan 200',
      'talent lin 200',
      'agency xinghe 100',
      'promoter bob 100',
    ),
  ),
  order(
    'haochi-erp',
    'H-2002',
    'a capped campaign',
    'released',
    won('click_token', 'dave', '双十一 20%', 5000, 'promoter dave 4250', 'upline carol 750'),
  ),
  order('haochi-erp', 'H-2003', 'refunded in full', 'void', won('click_token', 'alice', '默认 10%', 0)),
  order('haochi-erp', 'H-2010', 'split in two parts', 'void', nobody('void'), nobody('void')),
  order(
    'haochi-erp',
    'H-2011',
    'its first part',
    'estimated',
    won('click_token', 'carol', '默认 10%', 880, 'promoter carol 555', 'upline bob 61'),
  ),
  order(
    'haochi-erp',
    'H-2012',
    'its second part',
    'estimated',
    won('click_token', 'carol', '默认 10%', 259, 'promoter carol 163', 'upline bob 18'),
  ),
  order(
    'shuma-shopify',
    '5561873406001',
    're-shared, refunded in part',
    'estimated',
    won('click_token', 'alice', '默认 10%', 4990, 'agency xinghe 1497', 'promoter alice 3144', 'upline dave 349'),
    won('click_token', 'alice', '默认 10%', 1000, 'agency xinghe 300', 'promoter alice 630', 'upline dave 70'),
  ),
  order(
    'shuma-shopify',
    '5561873406002',
    'a coupon of a gold tier',
    'estimated',
    won('coupon_code', 'dave', '金牌 12%', 5508, 'promoter dave 4958', 'upline carol 550'),
  ),
  order(
    'qinghe-woo',
    '1041',
    'a token in its meta data',
    'estimated',
    won('click_token', 'bob', '默认 10%', 1280, 'agency xinghe 384', 'promoter bob 807', 'upline alice 89'),
  ),
  order(
    'qinghe-woo',
    '1042',
    'a coupon, refunded in part',
    'estimated',
    won('coupon_code', 'carol', '默认 10%', 1920, 'promoter carol 1210', 'upline bob 134'),
  ),
  order(
    'taotao-weixin',
    '3705115058471208928',
    'WeChat names who shared',
    'estimated',
    won('platform', 'alice', '默认 10%', 1580, 'agency xinghe 474', 'promoter alice 1106'),
  ),
  order(
    'taotao-weixin',
    '3705115058471209472',
    'received, refunded in part',
    'confirmed',
    won('platform', 'bob', '默认 10%', 1990, 'agency xinghe 597', 'promoter bob 1254', 'upline alice 139'),
  ),
  order(
    'duoduo',
    '261122-330198425510642',
    'by a link of the union',
    'estimated',
    won('link_code', 'carol', '联盟佣金 80%', 956, 'promoter carol 861', 'upline bob 95'),
  ),
  order('duoduo', '261122-704411825560093', 'rejected by the union', 'void', nobody('void')),
  order(
    'duoduo',
    '261102-118420667390215',
    'settled by the union',
    'released',
    won('platform', 'mo', '联盟佣金 80%', 2064, 'promoter mo 2064'),
  ),
];
