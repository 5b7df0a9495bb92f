// The page that somebody sees who was not signed in: why, and what to do. It holds no script.

import type { FastifyReply, FastifyRequest } from 'fastify';

type Language = 'en' | 'zh';

/** Words of both languages; `{}` stands for what the company calls something. */
interface Refusal {
  status: number;
  en: string;
  zh: string;
}

const REFUSALS = {
  not_begun: {
    status: 400,
    en: 'This sign-in was not begun in this browser, or it took longer than ten minutes. Begin it again.',
    zh: '这次登录不是从这个浏览器开始的，或者已超过十分钟。请重新开始。',
  },
  declined: {
    status: 403,
    en: 'The accounts of your company ended the sign-in before it was done. Begin it again.',
    zh: '公司账号系统中止了这次登录。请重新开始。',
  },
  not_believed: {
    status: 403,
    en: 'What the accounts of your company answered was not believed. Begin again; should it stay so, tell your administrator: the log says why.',
    zh: '公司账号系统的回答未通过校验。请重新开始；如仍然如此，请告知管理员，原因见日志。',
  },
  away: {
    status: 503,
    en: 'The accounts of your company cannot be reached at this moment. Try again soon.',
    zh: '暂时无法连接公司账号系统。请稍后再试。',
  },
  none: {
    status: 403,
    en:
      'Your account has no role here. Ask your administrator to give it one in the claim {}: ' +
      'admin, operator, finance, risk, auditor or merchant:<id>.',
    zh: '您的账号在这里没有角色。请管理员在声明 {} 中给出一个：admin、operator、finance、risk、auditor 或 merchant:<id>。',
  },
  several: {
    status: 403,
    en: 'Your account has several roles here, and nobody is to guess which one is meant. Ask your administrator to leave one in the claim {}.',
    zh: '您的账号在这里有多个角色，无法判断以哪个为准。请管理员在声明 {} 中只保留一个。',
  },
  unknown_merchant: {
    status: 403,
    en: 'Your account is of the merchant {}, which is not known here. Ask your administrator.',
    zh: '您的账号属于商家 {}，这里没有这个商家。请联系管理员。',
  },
  nameless: {
    status: 403,
    en: 'The accounts of your company name you by neither a verified email nor an id of at most 128 characters. Ask your administrator.',
    zh: '公司账号系统既没有给出已验证的邮箱，也没有给出不超过 128 个字符的编号。请联系管理员。',
  },
} as const satisfies Record<string, Refusal>;

export type RefusalName = keyof typeof REFUSALS;

const TITLES = { en: 'Not signed in', zh: '未能登录' };
const AGAIN = { en: 'Begin again', zh: '重新开始' };

/** Answers with the page. `named` is what the words speak of, `again` the address to begin at. */
export async function sendRefusal(
  { headers }: Pick<FastifyRequest, 'headers'>,
  reply: FastifyReply,
  name: RefusalName,
  { named = '', again }: { named?: string; again: string },
): Promise<FastifyReply> {
  const language: Language = /^\s*zh\b/i.test(String(headers['accept-language'])) ? 'zh' : 'en';
  const { status, [language]: words } = REFUSALS[name];
  const title = TITLES[language];
  const page = `<!doctype html>
<html lang="${language}">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${title} · Fenyong 分佣</title>
<h1>${title}</h1>
<p>${escaped(words.replace('{}', () => named))}</p>
<p><a href="${escaped(again)}">${AGAIN[language]}</a></p>
</html>
`;
  if (status === 503) reply.header('retry-after', '5');
  return reply.code(status).header('cache-control', 'no-store').type('text/html; charset=utf-8').send(page);
}

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };

const escaped = (text: string): string => text.replaceAll(/[&<>"']/g, (sign) => ENTITIES[sign]!);
