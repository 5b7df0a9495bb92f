// What the desk says in English. The areas are files of their own; a key stands in one of them.

import { frame } from './en/frame.ts';
import { codes } from './en/codes.ts';
import { story } from './en/story.ts';
import { orders } from './en/orders.ts';
import { promotion } from './en/promotion.ts';
import { rules } from './en/rules.ts';
import { platform } from './en/platform.ts';
import { insight } from './en/insight.ts';

export const en = {
  ...frame,
  ...codes,
  ...story,
  ...orders,
  ...promotion,
  ...rules,
  ...platform,
  ...insight,
};

/** A key of the dictionaries. */
export type Word = keyof typeof en;
