// What the pages of rules say, in Chinese.

import type { rules as english } from '../en/rules.ts';

export const rules: Readonly<Record<keyof typeof english, string>> = {
  rule: '规则',
  version: '版本 {version}',
  applies_to: '适用于',
  everything: '全部',
  priority: '优先级',
  effective_from: '生效',
  effective_to: '失效',
  gives: '佣金',
  gives_rate: '{base}的 {rate}',
  gives_fixed: '每件另加 {amount}',
  gives_cap_per_line: '每行至多 {amount}',
  gives_cap_per_order: '每单至多 {amount}',
  split_share: '{who}：得上级所得的 {share}',
  coming: '待生效',
  in_force: '生效中',
  split: '分成',
  bring_back: '恢复此版本',
  bring_back_means: '将发布与版本 {version} 相同的新版本。',
  end_rule: '终止规则',
  end_rule_means: '此后不再适用：',
  end_at: '终止时间',
  end_at_help: '留空则立即终止。',
  at_moment: '时间',
  rule_that_pays: '适用的规则',
};
