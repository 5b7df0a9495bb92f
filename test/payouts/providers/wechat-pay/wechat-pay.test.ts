// What can be stated of a provider of WeChat Pay, what it then allows, and that its double holds us
// to WeChat's rules.

import { randomBytes } from 'node:crypto';

import { afterAll, beforeAll, expect, test } from 'vitest';

import { authorization, merchantKeyOf } from '../../../../src/payouts/providers/wechat-pay/signing.ts';
import { send } from '../../../../src/payouts/providers/wechat-pay/bills.ts';
import { wechatPay } from '../../../../src/payouts/providers/wechat-pay/wechat-pay.ts';
import { CERTIFICATE_SERIAL, PUBLIC_KEY_ID } from './double-signing.ts';
import { billOf, OPENID, paymentOf, stage, type Stage } from './stage.ts';

let one: Stage;
beforeAll(async () => {
  one = await stage();
});
afterAll(() => one.close());

const problemsOf = (change: Record<string, string | string[] | undefined>): string[] => {
  const stated = Object.entries({ ...one.double.secrets, ...change }).filter(([, value]) => value !== undefined);
  return (wechatPay.secrets.safeParse(Object.fromEntries(stated)).error?.issues ?? []).map(
    ({ path, message }) => `${path.join('.')} ${message}`,
  );
};

test('secrets are those of a merchant: its key, the APIv3 key, and keys of WeChat by their names', () => {
  expect(problemsOf({})).toEqual([]);
  expect(problemsOf({ [PUBLIC_KEY_ID]: undefined })).toEqual([]);
  expect(problemsOf({ [CERTIFICATE_SERIAL]: undefined })).toEqual([]);
  expect(problemsOf({ api_v3_key: ['a'.repeat(32), 'b'.repeat(32)] })).toEqual([]);
});

test('what is wrong with a secret is said by its name, and the secret is not', () => {
  const secrets = one.double.secrets;
  const PLANTED = 'a secret that is said to nobody';
  const cases: [Record<string, string | string[] | undefined>, RegExp][] = [
    [{ merchant_private_key: PLANTED }, /^merchant_private_key is no RSA private key/],
    [{ merchant_private_key: undefined }, /^merchant_private_key must be the one private key/],
    [{ merchant_private_key: secrets[PUBLIC_KEY_ID]! }, /^merchant_private_key is no RSA private key/],
    [{ api_v3_key: PLANTED }, /^api_v3_key must have 32 bytes/],
    [{ api_v3_key: '密'.repeat(32) }, /^api_v3_key must have 32 bytes/],
    [{ api_v3_key: ['a'.repeat(32), PLANTED] }, /^api_v3_key must have 32 bytes/],
    [{ api_v3_key: undefined }, /^api_v3_key must have 32 bytes/],
    [{ [PUBLIC_KEY_ID]: PLANTED }, /^PUB_KEY_ID_\d+ is no RSA public key/],
    [{ [CERTIFICATE_SERIAL]: secrets[PUBLIC_KEY_ID]! }, /^5157F09E\w+ is no certificate of this serial/],
    [{ ABCDEF0123456789: secrets[CERTIFICATE_SERIAL]! }, /^ABCDEF0123456789 is no certificate of this serial/],
    [{ platform_certificate: secrets[CERTIFICATE_SERIAL]! }, /^platform_certificate is no name of a key/],
    [{ [PUBLIC_KEY_ID]: undefined, [CERTIFICATE_SERIAL]: undefined }, /^PUB_KEY_ID_… is missing/],
  ];
  for (const [change, problem] of cases) {
    expect(problemsOf(change)).toEqual([expect.stringMatching(problem)]);
    expect(problemsOf(change).join()).not.toContain(PLANTED);
  }
});

const problemOf = (change: object) => wechatPay.options.safeParse({ ...one.double.options, ...change }).error?.issues[0]?.path.join('.');

test('options are refused that WeChat would refuse of every payment', () => {
  expect(problemOf({})).toBeUndefined();
  expect(problemOf({ transfer_remark: '佣'.repeat(32) })).toBeUndefined();
  expect(problemOf({ transfer_remark: '佣'.repeat(33) })).toBe('transfer_remark');
  expect(problemOf({ transfer_scene_report_infos: [] })).toBe('transfer_scene_report_infos');
  expect(problemOf({ mch_id: 'mch' })).toBe('mch_id');
  expect(problemOf({ minimum: 9 })).toBe('minimum');
  expect(problemOf({ minimum: 100, maximum: 99 })).toBe('maximum');
  expect(problemOf({ maximum: 20_000.5 })).toBe('maximum');
  expect(problemOf({ notify_url: 'http://pay.example.com/notices' })).toBe('notify_url');
  expect(problemOf({ notify_url: 'https://pay.example.com/notices?id=1' })).toBe('notify_url');
  expect(problemOf({ unheard_of: 1 })).toBe('');
});

test('terms are those of 商家转账, with the limits that were stated', () => {
  const terms = wechatPay.terms(wechatPay.options.parse({ ...one.double.options, maximum: 20_000 }));
  expect(terms).toMatchObject({ currencies: ['CNY'], minimum: 10n, maximum: 20_000n, nameFrom: 200_000n, queryDays: 30 });
  expect(terms).toMatchObject({ payeeActs: true, cancellable: true });
  expect(terms.billNumber.length).toBe(32);
  expect(terms.billNumber.alphabet).toMatch(/^[0-9A-Za-z]{62}$/);
  expect(wechatPay.terms(one.access.options).maximum).toBeNull();
  expect(wechatPay.channel!.callsPerSecond).toBeLessThanOrEqual(100);
});

test('an account is an openid', () => {
  expect(wechatPay.account.safeParse({ openid: OPENID }).success).toBe(true);
  for (const account of [{}, { openid: '' }, { openid: 'x'.repeat(65) }, { openid: 'a b' }, { openid: OPENID, account_no: '1' }]) {
    expect(wechatPay.account.safeParse(account).success).toBe(false);
  }
});

const PATH = '/v3/fund-app/mch-transfer/transfer-bills';

/** Sends any body under the merchant's key. */
async function post(
  body: string,
  { key = merchantKeyOf(one.double.secrets), at = one.now(), headers = {} } = {},
): Promise<[number, string]> {
  const request = { method: 'POST', pathAndQuery: PATH, seconds: Math.floor(at.getTime() / 1000), nonce: randomBytes(16).toString('hex') };
  const { mch_id: mchId, merchant_serial_no: serialNo } = one.double.options as Record<string, string>;
  const signed = authorization({ ...request, body: Buffer.from(body) }, { mchId: mchId!, serialNo: serialNo!, key });
  const sent = { authorization: signed, accept: 'application/json', 'content-type': 'application/json', 'user-agent': 'test', ...headers };
  const answer = await fetch(one.double.url + PATH, { method: 'POST', body, headers: sent });
  return [answer.status, ((await answer.json()) as { code?: string; state?: string }).code ?? 'taken'];
}

test('the double refuses what WeChat refuses, so that passing it means something', async () => {
  const { billNo } = paymentOf();
  const base = {
    appid: one.double.options['appid'],
    out_bill_no: billNo,
    transfer_scene_id: '1005',
    openid: OPENID,
    transfer_amount: 10,
    transfer_remark: '佣金',
    transfer_scene_report_infos: one.double.options['transfer_scene_report_infos'],
  };
  const answers: [object, [number, string]][] = [
    [{ out_bill_no: '0199a0b1-0000-7000-8000-000000000001' }, [400, 'PARAM_ERROR']],
    [{ out_bill_no: 'x'.repeat(33) }, [400, 'PARAM_ERROR']],
    [{ transfer_amount: 9 }, [400, 'INVALID_REQUEST']],
    [{ transfer_amount: 10.5 }, [400, 'PARAM_ERROR']],
    [{ transfer_amount: 200_000 }, [400, 'PARAM_ERROR']],
    [{ transfer_amount: 200_000, user_name: 'not sealed' }, [400, 'PARAM_ERROR']],
    [{ transfer_scene_report_infos: [{ info_type: '岗位类型', info_content: '推广员' }] }, [400, 'PARAM_ERROR']],
    [
      {
        transfer_scene_report_infos: [
          { info_type: 'job', info_content: 'a' },
          { info_type: 'pay', info_content: 'b' },
        ],
      },
      [400, 'PARAM_ERROR'],
    ],
    [{ transfer_scene_id: '1000' }, [400, 'INVALID_REQUEST']],
    [{ user_recv_perception: '现金奖励' }, [400, 'INVALID_REQUEST']],
    [{ transfer_remark: '佣'.repeat(33) }, [400, 'PARAM_ERROR']],
    [{ notify_url: 'http://pay.example.com/notices' }, [400, 'PARAM_ERROR']],
    [{ notify_url: 'https://pay.example.com/notices?a=1' }, [400, 'PARAM_ERROR']],
    [{ appid: 'wx0000000000000000' }, [400, 'INVALID_REQUEST']],
    [{}, [200, 'taken']],
    [{}, [200, 'taken']],
    [{ transfer_remark: 'another' }, [400, 'INVALID_REQUEST']],
  ];
  for (const [change, expected] of answers) {
    expect([change, await post(JSON.stringify({ ...base, ...change }))]).toEqual([change, expected]);
  }
  const body = JSON.stringify(base);
  expect(await post(body, { at: new Date(one.now().getTime() - 301_000) })).toEqual([401, 'SIGN_ERROR']);
  expect(await post(body, { headers: { authorization: 'WECHATPAY2-SHA256-RSA2048 mchid="1900001109"' } })).toEqual([401, 'SIGN_ERROR']);
  expect(one.double.journal()).toEqual([]);
});

test('the double is driven over HTTP too, as from another process', async () => {
  const told = async (path: string, said?: object): Promise<unknown> => {
    const answer = await fetch(one.double.url + path, said === undefined ? {} : { method: 'POST', body: JSON.stringify(said) });
    return answer.json();
  };
  expect(await told('/merchant')).toEqual({ secrets: one.double.secrets, options: one.double.options });
  const bill = billOf(one.access);
  await told('/faults', { call: 'create', faults: ['drop'] });
  expect((await send(bill, one.access)).state).toBe('unknown');
  expect(await told('/top-up', { amount: 1 })).toMatchObject({ balance: expect.any(Number) as number });
  expect(await told('/confirm', { out_bill_no: bill.billNo, openid: 'o-SomebodyElse' })).toEqual({ done: false });
  expect(await told('/confirm', { out_bill_no: bill.billNo, openid: OPENID })).toEqual({ done: true });
  expect(await told('/settle', { out_bill_no: bill.billNo })).toEqual({ done: true });
  expect(await told('/journal')).toMatchObject([{ out_bill_no: bill.billNo, amount: 88_800, openid: OPENID }]);
  expect(await told('/bills')).toContainEqual(expect.objectContaining({ out_bill_no: bill.billNo, state: 'SUCCESS' }));
});
