// What the guards of money out say in Chinese.

import type { GuardWords } from './words-en.ts';

const STOP = '在查明之前不要批准或付款。将服务商的付款清单与本系统核对，运行 `node src/start.mjs audit`，并报告。';
const LOOK = '查看样本中的付款：每一笔都写明经过和下一步。';

export const PAYOUT_GUARDS_ZH: Readonly<Record<string, GuardWords>> = {
  // The laws.
  payouts_are_items: { says: '每笔付款等于其明细之和。', broken: '有付款不等于其明细之和。', whatToDo: STOP },
  payouts_booked: {
    says: '每笔付款的账目与其状态一致：冻结、退回、代扣、付出、退票。',
    broken: '有付款的账目与其状态不一致。',
    whatToDo: STOP,
  },
  paid_once: { says: '没有人被重复付款。', broken: '有付款付出了不止一次。', whatToDo: STOP },
  caused_move_rightly: {
    says: '付款、退票、核销和收款只沿各自的路径记账。',
    broken: '有与订单无关的转账走了不允许的路径。',
    whatToDo: STOP,
  },
  paying_is_open: { says: '付款中余额等于未完成付款之和。', broken: '付款中余额不等于未完成付款之和。', whatToDo: STOP },
  drafted_from_available: { says: '只有可用余额才会被制单。', broken: '制单金额超过了曾经可用的金额。', whatToDo: STOP },
  withheld_is_scheme: {
    says: '每笔付款的代扣税款等于按规则用批准时的收入重新计算的结果。',
    broken: '有付款的代扣税款与规则不符。',
    whatToDo: '查明之前不要申报本季度。请报告：这是程序的错误。',
  },
  bills_unchanged: {
    says: '每张付款单的报文和金额与首次调用前保存的一致。',
    broken: '有付款单被改动，或付款已结束而付款单仍未结束。',
    whatToDo: STOP,
  },
  batches_are_payouts: { says: '批次的内容就是被批准的内容。', broken: '有批次的内容与其摘要不符。', whatToDo: STOP },
  payouts_tell_how: { says: '每笔付款都写明如何到了现在的状态。', broken: '有付款的状态没有相应的记录。', whatToDo: STOP },

  // The alarms.
  payouts_open_too_long: {
    says: '付款在三天内结束。',
    broken: '有已批准的付款超过三天仍未结束。',
    whatToDo: `手工或文件付款的，请录入结果。${LOOK}`,
  },
  payouts_near_query_window: {
    says: '付款在服务商可查询期内结束。',
    broken: '有付款仍未结束，且服务商即将无法查询。',
    whatToDo: '立即联系服务商。超过查询期后由两人确认结果。',
  },
  payouts_disputed: {
    says: '服务商与本系统对每笔付款一致。',
    broken: '服务商所说的金额或收款人与冻结的不同。',
    whatToDo: '查明实际付款情况；由一人录入结果，另一人确认。',
  },
  payout_files_without_results: {
    says: '交给银行的文件两天内有回盘。',
    broken: '有交给银行的文件尚无回盘。',
    whatToDo: '将银行回盘文件上传到 POST /v1/payout-batches/{batch_id}/results。',
  },
  payout_notices_unexplained: {
    says: '服务商的通知都属于本系统的付款，且与结果一致。',
    broken: '服务商通知了未知的付款，或与已有结果矛盾。',
    whatToDo: '若数据库曾恢复，请核对备份之后的付款；否则查明还有谁使用该账户付款。',
  },
  approval_by_related_key: {
    says: '批次、规则变更和重新计佣由起草前已存在、且不是由起草密钥创建的密钥批准。',
    broken: '有批次、规则变更或重新计佣由起草之后创建的密钥或由起草密钥创建的密钥批准。',
    whatToDo: '询问双方。审计日志记录了谁创建了该密钥。',
  },
  taxpayers_unknown: {
    says: '所有被代扣税款的人都有纳税人识别号。',
    broken: '有推广者没有纳税人识别号，税款按各自单独计算。',
    whatToDo: '请其补充：同一人的多个推广者应合并计税。',
  },
  payout_providers_stopped: {
    says: '所有付款服务商正常。',
    broken: '有付款服务商因数据库恢复而停用。',
    whatToDo: '将其付款清单与本系统核对，然后恢复：POST /v1/payout-providers/{provider_id}/resumption。',
  },
  payout_decisions_waiting: {
    says: '付款方面由一人发起的，另一人在三天内决定。',
    broken: '有批次、付款裁定或核销等待第二人超过三天。',
    whatToDo: '批准，或取消该批次、驳回该核销：在此之前批次的钱一直被冻结。',
  },
};
