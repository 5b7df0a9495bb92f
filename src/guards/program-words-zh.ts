// What the guards of programs, of offers and of re-ratings say in Chinese.

import type { GuardWords } from './words-en.ts';

export const PROGRAM_GUARDS_ZH: Readonly<Record<string, GuardWords>> = {
  won_lines_kept: {
    says: '方案统计的每一行都与分佣结果一致。',
    broken: '有订单行的统计与分佣结果不一致。',
    whatToDo: '查明之前不要批准该商家的付款。请报告：这是程序的错误。',
  },
  bonuses: {
    says: '每笔奖金都等于该推客该周期的订单行应得的数额，只记一次，周期结束后才释放。',
    broken: '有奖金与其订单行应得的数额不符，或提前释放。',
    whatToDo: '查明之前不要批准该商家的付款。运行 `node src/start.mjs audit`，并报告。',
  },
  boosts_granted: {
    says: '每笔活动加佣都等于活动对该行应付的数额，与规则佣金并列，且不超过已批给的数额。',
    broken: '有活动加佣超过已批给的数额，或与活动对该行应付的数额不符。',
    whatToDo: '暂停该活动，查明之前不要批准该商家的付款。请报告：这是程序的错误。',
  },
  budgets_kept: {
    says: '每个活动预算的已用额都等于订单行所得之和，且不超过任何上限。',
    broken: '有活动预算超支，或与订单行所得不符。',
    whatToDo: '暂停该活动。运行 `node src/start.mjs audit`，并报告。',
  },
  tiers: {
    says: '方案设定的每个等级都与其业绩一致。',
    broken: '有方案设定的等级与其业绩不符。',
    whatToDo: '查看此后按该等级规则支付的佣金。请报告：这是程序的错误。',
  },
  re_ratings: {
    says: '重新计佣执行的每笔差额只记一次，相关订单按批准的规则计佣。',
    broken: '重新计佣对某订单的记账与批准的不符，或订单未按其计佣。',
    whatToDo: '查明之前不要批准该商家的付款。运行 `node src/start.mjs audit`，并报告。',
  },
  re_ratings_by_two: {
    says: '降低佣金的重新计佣，必须事先声明，且由发起人之外的人批准。',
    broken: '有重新计佣由发起人自己批准，或未声明却降低了佣金。',
    whatToDo: '查看该次重新计佣和审计日志，并请第二个人核对。请报告：这是程序的错误。',
  },
  offer_rules: {
    says: '每个推广计划的规则都与计划一致：给谁、哪些商品、多少、到何时。',
    broken: '有推广计划与其规则支付的不一致。',
    whatToDo: '修改并重新提交该计划，规则会随之重新发布；查看此前按这些规则支付的佣金，并报告。',
  },
};
