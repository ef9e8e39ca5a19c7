// What leaves the pages as files, of which time logs are held, who sends as one, and who changed rules, in Chinese.

import { count } from "../format";
import type { files as english } from "./en-files";

export const files: typeof english = {
  clones: {
    title: "一个标识，多台电脑",
    hint: "同一标识下多个主机名交替出现，常见于克隆的磁盘；请让每台电脑使用各自的标识和令牌",
    machines: "电脑数",
    names: "主机名",
    of: (machines) => `有 ${count("zh", machines)} 台电脑轮流使用此标识发送日志`,
    ofHint: "下面的内容混合了这些电脑。它们的主机名：",
  },
  held: {
    sentence: (from, to, gaps, silent) =>
      `依据 ${from} 至 ${to} 的日志${gaps > 0 ? `，其中 ${count("zh", gaps)} 处缺失` : ""}${silent ? "；此后没有日志" : ""}`,
    latest: (shown, total) => `仅列出最近 ${count("zh", shown)} 处，共 ${count("zh", total)} 处`,
    only: (from, to) => (from === null || to === null ? "没有带时间的日志" : `仅有 ${from} 至 ${to} 的日志`),
    onlyHint: "其日志未覆盖这些天：其他时间是否失败无从得知",
    reasons: {
      start_missing: "日志开头从未到达",
      not_received: "部分日志内容从未到达",
      topic_lost: "部分日志内容从未到达；当时 Kafka 删除了尚未读取的记录",
      no_log: "没有该时段的日志",
      silent: "此后没有日志",
    },
  },
  jobs: {
    title: "重新处理任务",
    hint: "用其他规则重新分类已存日志；用 cbsift reprocess 创建并执行任务",
    job: "任务",
    by: "执行者",
    state: "状态",
    which: "日志范围",
    rules: "规则",
    changes: "带来的变化",
    states: { planned: "已计划", applying: "进行中", applied: "已执行", rolled_back: "已撤销" },
    undoes: (job) => `撤销 ${job}`,
    all: "所有电脑",
    pcs: (pcs) => `${count("zh", pcs)} 台电脑`,
    days: (from, to) => `${from} 至 ${to}`,
    ruleSet: (set, base) => `规则集 ${set}，此前为 ${base}`,
    against: (base) => `对比规则集 ${base}`,
    noted: "没有记录",
    nothing: "没有变化",
    events: "记录",
    findings: "问题",
    units: (units) => `${count("zh", units)} 个电脑月份`,
    change: {
      appears: (figure, what) => `增加 ${figure} 条${what}`,
      vanishes: (figure, what) => `减少 ${figure} 条${what}`,
      changes: (figure, what) => `${figure} 条${what}改变`,
    },
    phases: {
      classify: "正在分类",
      take_back: "正在收回",
      derive: "正在请求分析",
      count: "正在重新计数",
      done: "已全部存储",
    },
    done: (share) => `已读取 ${share}`,
  },
  ruleMarks: {
    title: "规则变更",
    what: {
      "rules.publish": "发布规则",
      "reprocess.apply": "重新分类已存日志",
      "reprocess.rollback": "撤销任务",
    },
  },
  log: {
    text: "记录中的文字",
    level: "级别",
    component: "组件",
    any: (what) => `任意${what}`,
    byte: "字节位置",
    jump: "转到字节",
    download: "下载日志",
    downloadHint: "从头开始的文本，最多 32 MiB；会注明未保留的部分，并记录由谁下载",
    shown: (shown, loaded) => `已加载 ${count("zh", loaded)} 条记录，显示 ${count("zh", shown)} 条`,
    none: "已加载的记录都不符合；请加载更早或更晚的记录，或放宽条件",
  },
  alertRule: {
    title: "生成告警规则",
    hint: "失败电脑数超过当前值时告警。放入告警规则目录的文件中，再运行 cbsift alerts test 和 cbsift alerts publish。",
    copy: "复制规则",
    without: (what) => `规则无法表达，未写入：${what}`,
    leftOut: {
      days: "日期",
      code: "错误码",
      endpoint: "单台电脑",
      category: "未知的类别",
      cause: "未知的问题",
      label: "同一标签的第二个值",
    },
  },
  files: {
    download: "下载为",
    hint: "按当前筛选条件下载整个列表；系统会记录由谁下载",
  },
};
