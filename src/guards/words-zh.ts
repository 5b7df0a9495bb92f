// What each guard says in Chinese: while it holds, when it is broken, and what its reader is to do
// then.

import type { GuardWords } from './words-en.ts';

/** What only we can mend. */
const FAULT = '运行 `node src/start.mjs audit`，它会列出账目有差异的每个订单；暂停这些订单的付款，并一并报告：这是程序的错误。';

export const GUARDS_ZH: Readonly<Record<string, GuardWords>> = {
  // The laws.
  deliveries_finished: {
    says: '每条已确认收到的报文，到期后一分钟内都已处理、搁置或判为失败。',
    broken: '有已确认收到的报文到期一分钟后仍未处理。',
    whatToDo: '确认 worker 正在运行且能访问数据库；GET /v1/deliveries?state=received 列出等待的报文，worker 的日志说明原因。',
  },
  effects_once: {
    says: '每条已处理的报文对订单的作用都完整，且只发生一次。',
    broken: '有已处理的报文对订单的作用不完整，或发生了不止一次。',
    whatToDo: FAULT,
  },
  deliveries_once: {
    says: '同一来源推送或上报过的相同字节就是同一条报文，只保存一份。',
    broken: '同一条报文被保存了两份。',
    whatToDo: FAULT,
  },
  parts_once: {
    says: '同一订单中没有订单行或退款被计算两次。',
    broken: '有订单行或退款在同一订单中被计算了两次。',
    whatToDo: FAULT,
  },
  one_door: {
    says: '没有任何订单是无人上报的。',
    broken: '存在无人上报的订单：有人绕过入口写入了订单表。',
    whatToDo: `查明除本服务外还有谁在写数据库，并收回其权限。${FAULT}`,
  },
  orders_read_off: {
    says: '订单的状态、作废、币种、父订单和时间，与其全部报文合起来所说的一致。',
    broken: '有订单的状态、作废、币种、父订单或时间与其报文不符。',
    whatToDo: FAULT,
  },
  paid_orders_decided: {
    says: '已付款订单的每一行都有判定。',
    broken: '有已付款的订单行没有判定。',
    whatToDo: `确认 worker 正在运行；若一直没有判定，警报 retried_awards 会给出其错误。${FAULT}`,
  },
  awards_in_time: {
    says: '没有订单等待佣金超过一分钟，也没有到期的等待期超过五分钟仍未解冻。',
    broken: '有订单等待佣金超过一分钟，或等待期已满五分钟仍未解冻。',
    whatToDo: '确认 worker 正在运行且跟得上（/metrics 中的 fenyong_due_work_age_seconds）；跟不上时增加 worker。',
  },
  amounts_recomputed: {
    says: '每行的实付、退款和计佣基数，都等于各报文相加的结果。',
    broken: '有订单行的实付、退款或计佣基数与报文相加的结果不符。',
    whatToDo: FAULT,
  },
  orders_earn_once: {
    says: '由同类两个来源上报或已被拆分的订单，只得佣一次。',
    broken: '由两个来源上报或已被拆分的订单得佣了两次。',
    whatToDo: FAULT,
  },
  shares_within_pool: {
    says: '每行的各份佣金为正且不超过佣金池，佣金池不超过计佣基数，只有已归因的行才有佣金。',
    broken: '有订单行分出的佣金超过佣金池、佣金池超过基数，或未归因却有佣金。',
    whatToDo: FAULT,
  },
  pools_by_rule: {
    says: '每行的佣金池正是其规则的比例、固定金额和上限对基数算出的结果，分毫不差。',
    broken: '有订单行的佣金池与其规则算出的结果不符。',
    whatToDo: FAULT,
  },
  heads_read_off: {
    says: '整单的佣金结论与各行判定一致。',
    broken: '有整单的佣金结论与各行判定不一致。',
    whatToDo: FAULT,
  },
  drafts_by_two: {
    says: '每份收入变更草案都由未写过它的人批准，且所发布的内容确实存在。',
    broken: '有草案由写过它的人批准，或所发布的内容并不存在。',
    whatToDo: FAULT,
  },
  rules_in_force: {
    says: '每行都按付款时有效的规则版本分佣，商家锁定费率时也可按点击时有效的版本。',
    broken: '有订单行所用的规则版本，在付款时和锁定费率的点击时均未生效。',
    whatToDo: FAULT,
  },
  credits_due: {
    says: '凭链接或点击得佣的人，其链接或点击属于该商家、来自真人且在有效期内。',
    broken: '有人凭其他商家的、机器人的或超出有效期的链接或点击得佣。',
    whatToDo: FAULT,
  },
  winners_whole: {
    says: '每行的各得佣者合起来正好分得全部，每人一次，由份额最大者代表。',
    broken: '有订单行的各得佣者合起来不是正好全部。',
    whatToDo: FAULT,
  },
  inviters_acyclic: {
    says: '没有人经由他人邀请了自己。',
    broken: '有人经由他人邀请了自己。',
    whatToDo: '对样本中的一位推广者重新提交不含该邀请人的资料：PUT /v1/promoters/{promoter_id}。此前已固定的链不受影响。',
  },
  chains_sound: {
    says: '上级链中没有重复的人，也不含得佣者本人，层数不超过允许的上限，且只向链上的人付佣。',
    broken: '有上级链含重复的人、层数超过上限，或向链外的人付佣。',
    whatToDo: `若调低过 REFERRAL_LEVELS_MAX，请调回早先订单付佣所用的层数。${FAULT}`,
  },
  shares_booked: {
    says: '每份判定的佣金都以相同的金额和币种入账，此外别无入账。',
    broken: '有判定的佣金未按其金额入账，或账中有未经判定的金额。',
    whatToDo: FAULT,
  },
  void_earns_nothing: {
    says: '作废的订单和全额退款的订单行不给任何人留下佣金。',
    broken: '有作废的订单或全额退款的订单行仍留有佣金。',
    whatToDo: FAULT,
  },
  slots_covered: {
    says: '收回或解冻的金额不超过此前所得：每次修订之后余额都不为负。',
    broken: '有一份佣金被收回或解冻的金额超过了其所得。',
    whatToDo: FAULT,
  },
  transfers_keyed: {
    says: '每笔转账对应一次佣金修订中的一个位置，没有位置被记两次。',
    broken: '有转账不对应任何佣金修订，或同一位置被记了两次。',
    whatToDo: FAULT,
  },
  transfers_move_rightly: {
    says: '资金只按其种类允许的方式流动：由商家计佣，由待结算解冻为可提现，绝不在两人之间转移。',
    broken: '有资金以其种类不允许的方式流动。',
    whatToDo: FAULT,
  },
  holds_kept: {
    says: '在订单行完成、等待期届满且没有未决的退款或争议之前，不会解冻任何佣金。',
    broken: '有佣金在订单行完成前、等待期届满前或有未决的退款或争议时被解冻。',
    whatToDo: `暂停样本中订单的付款。${FAULT}`,
  },
  balances_folded: {
    says: '为每个账户保存的余额都等于其转账之和。',
    broken: '有保存的余额不等于其转账之和。转账才是账目，未受影响。',
    whatToDo: '运行 `node src/start.mjs rebuild-balances`：它可在服务运行时由转账重新累加所有余额。然后重新检查此项。',
  },
  book_sums_to_zero: {
    says: '每种币种下所有账户的增减合计为零：不凭空产生资金，也没有资金消失。',
    broken: '有币种的账户合计不为零。',
    whatToDo: FAULT,
  },
  invoices_sum_to_owed: {
    says: '商家的所有账单之和等于其所欠与已付之和。',
    broken: '有商家的账单之和不等于其所欠与已付之和。',
    whatToDo: FAULT,
  },
  hash_chain_intact: {
    says: '账目哈希链的各环首尾相接，无一缺失或被改动。',
    broken: '账目哈希链有环缺失或被改动。',
    whatToDo: `与您在别处留存的最后一个哈希比对（\`node src/start.mjs audit\` 会打印），并查明谁能绕过服务写数据库。${FAULT}`,
  },
  merchants_agree: {
    says: '订单的来源、报文、买家、佣金、规则、转账和账户都属于同一商家。',
    broken: '有订单关联了其他商家的数据。',
    whatToDo: FAULT,
  },
  links_descend: {
    says: '再次分享的链接与原链接属于同一商家，其链保留了上面的每一个人，且无人重复。',
    broken: '有再次分享的链接与原链接不属于同一商家，或其链缺人、有人重复。',
    whatToDo: FAULT,
  },
  idempotency_keys_finished: {
    says: '每个只应执行一次的请求都已完成或撤销：没有卡住的，也没有完成而无答复的。',
    broken: '有只应执行一次的请求卡住，或已完成却没有答复。',
    whatToDo: '查看该请求是否已生效；若未生效，让发送方换一个键重试，并报告：这是程序的错误。',
  },
  changes_audited: {
    says: '商家、商品、推广者、规则、来源、映射和密钥的每次变更都有审计记录。',
    broken: '有变更没有审计记录：它绕过了 API。',
    whatToDo: '查明除本服务外还有谁在写数据库，并收回其权限。',
  },
  append_only_kept: {
    says: '数据库本身仍拒绝更改或删除只写一次的内容：账目、判定、规则、报文。',
    broken: '数据库会允许服务更改或删除只写一次的内容。',
    whatToDo: '有人手工停用了触发器或授予了权限：按样本启用触发器（`alter table … enable trigger …`）并从 fenyong_app 收回权限。',
  },
  commits_durable: {
    says: '数据库只有在数据经得起崩溃之后才说已保存。',
    broken: '数据库在数据经得起崩溃之前就说已保存。',
    whatToDo: '在 PostgreSQL 配置中把 fsync、full_page_writes 和 synchronous_commit 设为 on，并重新加载。',
  },
  // The alarms.
  dead_letters: {
    says: '没有被放弃的报文。',
    broken: '有报文被放弃：其内容未计入订单。',
    whatToDo: 'GET /v1/deliveries?state=failed 列出每条及其错误。排除原因后调用 POST /v1/deliveries/{id}/replays，或按条件批量重放。',
  },
  parked_reports: {
    says: '没有报文在等待我们尚不知道的内容，例如店铺的映射。',
    broken: '有报文在等待我们尚不知道的内容，例如店铺的映射。',
    whatToDo:
      '样本说明各在等什么：登记商家，或 PUT /v1/sources/{source_id}/mappings/{type}/{value}，之后会自动继续。订单过大时调高 ORDER_LINES_MAX 或 ORDER_REFUNDS_MAX 后重放；未知的平台代码需要更新版本。',
  },
  retried_reports: {
    says: '没有需要一再重试的报文。',
    broken: '有报文失败并被一再重试。',
    whatToDo: '样本给出各自的错误。若是数据库缓慢或已满，先解决它；否则报文最终会被放弃，可再重放。',
  },
  retried_awards: {
    says: '没有算佣失败的订单。',
    broken: '有订单算佣失败，正在重试。',
    whatToDo: `样本给出各自的错误，worker 的日志更详细。${FAULT}`,
  },
  changed_bodies: {
    says: '一周内没有发送方用同一个编号签署两条不同的报文。',
    broken: '有发送方在一周内用同一个编号签署了两条不同的报文。',
    whatToDo: '两条都已保存并合并。请向发送方核实：编号重复说明对方有误，或密钥已泄露；后者请轮换密钥。',
  },
  sender_clocks: {
    says: '没有发送方上报尚未发生的事：其时钟比我们快不超过五分钟。',
    broken: '有发送方上报尚未发生的事：其时钟比我们快五分钟以上。',
    whatToDo: '请发送方用 NTP 校准时钟；未来的时间会使有效期和规则的判断偏移。',
  },
  reports_ahead: {
    says: '没有报文自称的时间晚于其收到时间，且超出商家允许的时钟误差。',
    broken: '有报文自称的时间晚于其收到时间，且超出商家允许的时钟误差。',
    whatToDo: '这些报文已按收到的时间读取。请发送方用 NTP 校准时钟；若其时钟无误，请校准本机。',
  },
  waiting_erasures: {
    says: '要求删除的买家信息都在一天内删除完毕。',
    broken: '有买家信息要求删除已超过一天，仍未删除完毕。',
    whatToDo:
      '请确认有 worker 在运行，并查看其日志中任务 erasures 的错误。此前上传而尚未读完的文件会使删除无法结束：GET /v1/reconciliations/{id} 说明其等待的原因。',
  },
  silent_sources: {
    says: '没有订单系统沉默得比其在每周此时的习惯更久。',
    broken: '有订单系统沉默得比其在每周此时的习惯更久。',
    whatToDo: '到该系统查看是否有订单、webhook 是否仍指向这里、订阅是否有效；然后对沉默的时段调用 POST /v1/reconciliations。',
  },
  missing_webhooks: {
    says: '店面提到的每个订单，其来源都在通常延迟的两倍之内上报。',
    broken: '有店面提到的订单，其来源在通常延迟的两倍之内没有上报。',
    whatToDo: '检查该来源的 webhook，然后对该时段调用 POST /v1/reconciliations。仅在店面下单而未付款的订单无需处理。',
  },
  untold_orders: {
    says: '一向告知买家的店面仍在告知：其来源的订单都带有店面的说明。',
    broken: '一向告知买家的店面停止了告知：订单不再带有它的说明。',
    whatToDo: '检查店铺页面是否仍上报点击和订单（脚本、密钥、最近一次发布）：否则订单无人得佣。',
  },
  subscriptions_alive: {
    says: '没有一向推送的订单系统只能从其他途径获知订单：其订阅仍有效。',
    broken: '有一向推送的订单系统，我们只能从其他途径获知其订单：订阅可能已被终止。',
    whatToDo: '到该平台重新订阅；平台会在几次失败后悄然终止订阅。POST /v1/reconciliations 可取回缺失的订单。',
  },
  unattributed_jump: {
    says: '来源的订单中无人得佣的比例近来没有翻倍：链接、令牌和映射仍在到达。',
    broken: '来源的订单中无人得佣的比例近来翻倍：链接、令牌或映射不再到达。',
    whatToDo: '检查店铺是否仍传递 fy_click、新推广位或推广者是否缺少映射、政策是否改过。证据到达后订单会自动重新算佣。',
  },
  unknown_products: {
    says: '售出的每件商品我们都认识。',
    broken: '有售出的商品我们不认识。',
    whatToDo: '调用 PUT /v1/merchants/{merchant_id}/products/{product_id}，或批量导入。在此之前按订单行的类目计佣。',
  },
  unknown_codes: {
    says: '最近一周的订单所提到的链接、优惠券、令牌和推广者我们都认识。',
    broken: '最近一周有订单提到我们不认识的链接、优惠券、令牌或推广者。',
    whatToDo: '样本说明是哪些及原因：登记优惠券或推广者，或查明谁在填写这些代码。订单会自动重新算佣。',
  },
  over_refunds: {
    says: '没有订单的退款超过其实付。',
    broken: '有订单的退款超过其实付。',
    whatToDo: '与店铺核对该订单：常见原因是同一退款以两个编号上报，或金额含运费。佣金不会因此为负。',
  },
  currency_conflicts: {
    says: '订单的各报文币种一致。',
    broken: '有订单的报文币种不一致；在一致之前不计佣。',
    whatToDo: '查明哪个发送方的币种有误，并让其重新上报该订单。',
  },
  old_negative_balances: {
    says: '没有人欠款超过三十天。',
    broken: '有人欠款超过三十天。',
    whatToDo:
      'GET /v1/debts 按账龄列出。之后的收入会自动抵扣；若不会再有收入，请向该推广者追讨，超过九十天的可核销：POST /v1/debts/write-offs，须由第二人批准。',
  },
  claims_overdue: {
    says: '推广者的每项申诉都在期限内得到处理。',
    broken: '有推广者的申诉逾期未处理。',
    whatToDo: 'GET /v1/claims?state=open 列出申诉；逐项调用 POST /v1/claims/{id}/decision 裁定。',
  },
  partitions_made: {
    says: '点击、触点、投递及其报告的按月分区已提前建好，没有数据落在分区之外。',
    broken: '按月分区没有提前建好，或有数据落在分区之外。',
    whatToDo:
      '确认 worker 正在运行：它每十分钟检查一次，提前三个月建好分区，并为名为 …_other 的默认分区中的数据划出范围。在此期间数据不会丢失。升级后大表需要一段时间；若持续一天以上，请在 worker 日志中查找任务 partitions，并检查是否有长时间未结束的事务。',
  },
  clocks_agree: {
    says: '本机与数据库的时钟相差不到两秒。',
    broken: '本机与数据库的时钟相差两秒以上。',
    whatToDo: '用 NTP 校准两者。',
  },
  spool_empty: {
    says: '没有点击在本进程的磁盘上等待数据库恢复。',
    broken: '有点击在本进程的磁盘上等待数据库，或其文件已损坏。',
    whatToDo: '数据库恢复后会自动写入。DATA_DIR/spool 中以 .damaged 结尾的文件含无法读取的行：查看后删除。',
  },
  stalled_feeds: {
    says: '向订单系统拉取的每个列表都按来源设定的频率读取，并持续向前推进。',
    broken: '有订单系统的列表过久未被读取，或停滞不前。',
    whatToDo: '用 GET /v1/sources/{id} 查看每个列表何时被请求、读到何时及其错误；恢复读取后，期间的订单会自动补拉。',
  },
  refused_keys: {
    says: '每个订单系统都接受我们拉取时使用的密钥和权限。',
    broken: '有订单系统拒绝了我们的密钥，或拒绝我们所需的权限。',
    whatToDo: '请在平台上重新授权，并用 PUT /v1/sources/{id} 重新设置密钥；拉取会立即继续。',
  },
  fold_advances: {
    says: '五分钟之前的记账都已汇入保存的余额。',
    broken: '余额已超过五分钟没有汇总。查询结果仍然准确，但会越来越慢。',
    whatToDo: '请确认有 worker 在运行，并检查数据库中是否有数小时未结束的事务（pg_stat_activity）。',
  },
  counted_orders: {
    says: '统计中每个订单所计的，与其判定和记账一致。',
    broken: '有订单在统计中所计的与其判定或记账不符。',
    whatToDo: '账目不受影响。运行 `node src/start.mjs rebuild-statistics` 重新统计，并报告：这是程序的错误。',
  },
  rollups: {
    says: '统计按时间汇总的数字，与点击、链接、订单和记账一致。',
    broken: '有某小时或某天的统计与其点击、链接、订单和记账不符。',
    whatToDo: '账目不受影响。运行 `node src/start.mjs rebuild-statistics` 重新统计，并报告：这是程序的错误。',
  },
  statistics_advance: {
    says: '五分钟之前发生的都已汇入统计。',
    broken: '统计已超过五分钟没有汇总。查询结果仍然准确，但会越来越慢。',
    whatToDo: '请确认有 worker 在运行，并检查数据库中是否有数小时未结束的事务（pg_stat_activity）。',
  },
  secrets_in_database: {
    says: '服务自身的密钥与数据库分开存放。',
    broken: '服务自身的密钥存放在数据库中，任何转储都会泄露。',
    whatToDo: '运行 `node src/start.mjs move-keys`，并将 DATA_DIR/keys 的副本与数据库备份分开保存。',
  },
};
