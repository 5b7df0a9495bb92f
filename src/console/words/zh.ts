// What the desk says in Chinese.

import type { Word } from './en.ts';
import { frame } from './zh/frame.ts';
import { codes } from './zh/codes.ts';
import { story } from './zh/story.ts';
import { orders } from './zh/orders.ts';
import { promotion } from './zh/promotion.ts';
import { rules } from './zh/rules.ts';
import { platform } from './zh/platform.ts';
import { insight } from './zh/insight.ts';

export const zh: Readonly<Record<Word, string>> = {
  ...frame,
  ...codes,
  ...story,
  ...orders,
  ...promotion,
  ...rules,
  ...platform,
  ...insight,
};
