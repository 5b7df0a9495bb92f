import { expect, test } from 'vitest';

import { buildLogger, terminalOfLog } from '../../../src/platform/process/log.ts';

function logged(level: string, write: (log: ReturnType<typeof buildLogger>) => void): string[] {
  const lines: string[] = [];
  write(buildLogger(level, { write: (line) => void lines.push(line) }));
  return lines;
}

test('a line is one JSON object with its level and time in words', () => {
  const [line] = logged('info', (log) => log.info({ order_id: 'o\n1' }, 'two\nlines'));
  expect(line!.indexOf('\n')).toBe(line!.length - 1);
  expect(JSON.parse(line!)).toEqual({ level: 'info', time: expect.stringMatching(/Z$/), order_id: 'o\n1', msg: 'two\nlines' });
});

test('secrets are hidden wherever they are put', () => {
  const canary = 'CANARY-4711';
  const lines = logged('info', (log) => {
    log.info({
      authorization: canary,
      headers: { cookie: canary, authorization: canary },
      body: { payee: { bank: canary, phone: canary } },
    });
    log.info({ source: { secret: canary, secrets: { a: canary } }, key: canary });
    log.info({ req: { headers: { 'set-cookie': canary, 'x-api-key': canary, 'webhook-signature': canary } }, 'x-api-key': canary });
    log.info({ order: { buyer: { openid: canary }, click_token: canary }, identities: [canary], access_token: canary });
  });
  expect(lines.join('')).not.toContain(canary);
});

test('an error is told without the rows that it quotes', () => {
  const error = Object.assign(new Error('duplicate key'), {
    code: '23505',
    constraint: 'link_pkey',
    detail: 'Key (code)=(CANARY)',
    where: 'CANARY',
  });
  const [line] = logged('error', (log) => log.error({ err: error }, 'failed'));
  expect(JSON.parse(line!).err).toMatchObject({ type: 'Error', message: 'duplicate key', code: '23505', constraint: 'link_pkey' });
  expect(line).not.toContain('CANARY');
});

test('a terminal gets lines that people read, and everything else gets JSON', async () => {
  expect(await terminalOfLog({ write: () => true })).toBeUndefined();
  const written: string[] = [];
  const terminal = await terminalOfLog({ isTTY: true, write: (text) => written.push(text) });
  buildLogger('info', terminal).info({ order_id: 'o1', key: 'CANARY-4711' }, 'an order came');
  expect(written.join('')).toMatch(/^\S*\[\d\d:\d\d:\d\d\].*INFO.*an order came.*"order_id":"o1"/);
  expect(written.join('')).not.toContain('CANARY-4711');
});
