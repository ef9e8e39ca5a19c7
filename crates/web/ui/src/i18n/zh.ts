// Every word on the pages, in Chinese.

import { count } from "../format";
import type { Messages } from "./en";
import { audit } from "./zh-audit";
import { casework } from "./zh-case";
import { files } from "./zh-files";
import { fleet } from "./zh-fleet";
import { machine } from "./zh-machine";
import { names } from "./zh-names";
import { sections } from "./zh-sections";
import { system } from "./zh-system";

const z = (value: number) => count("zh", value);

export const zh: Messages = {
  other: "English",
  otherHint: "Switch to English",
  skip: "跳到正文",
  status: {
    lastLog: (age) => `${age}前收到日志`,
    noLog: "尚无日志",
    behind: (age) => `分析滞后 ${age}`,
    behindHint: "正在分析最新日志中的安装尝试与原因，数字还会变化。",
    fileSystemFull: "文件系统已满。",
    fileSystemFullHint:
      "腾出空间之前不再接收日志；已确认的内容不会丢失，发送端会重试。请在 store.data 所在的磁盘上腾出空间。",
    full: "已达到磁盘上限。",
    fullHint: "正在删除最早的原始文本以腾出空间；事件、安装尝试与问题均保留。如需保留更多，请调大 store.max_disk。",
    diskFull: "磁盘已满",
    unreachable: "连接中断",
  },
  common: {
    loading: "加载中",
    retry: "重试",
    copy: "复制",
    copied: "已复制",
    unknown: "未知",
    utc: "UTC",
    local: "本地",
    utcUnknown: "UTC 未知",
    notFound: "没有这个页面",
    notFoundHint: "请从“今日”开始，或搜索错误码、KB 或电脑。",
    toOverview: "返回“今日”",
    narrow: (what) => `只看 ${what}`,
    opensRecord: "在日志中打开",
    of: (part, whole) => `${part} / ${whole}`,
    noise: "无害",
    asOf: (clock) => `以下为 ${clock} 的数据：之后没有收到更新的数据。`,
    hint: "提示：",
    both: (first, second) => `${first}。${second}`,
  },
  pager: {
    label: (list) => `${list}：分页`,
    shown: (first, last, total) =>
      last < first ? `共 ${z(total)} 条，此处无` : `第 ${z(first)}–${z(last)} 条，共 ${z(total)} 条`,
    previous: "上一页",
    next: "下一页",
  },
  marks: {
    control: (name) => `控制字符 ${name}，以标记显示`,
    direction: (name) => `文字方向控制符 ${name}，以标记显示`,
    invisible: (name) => `不可见字符 ${name}，以标记显示`,
  },
  error: {
    unreachable: "cbsift 没有响应",
    unreachableHint: "页面会自动重试。请确认 `cbsift up` 仍在此地址运行。",
    title: "无法加载",
    gone: "这里没有这一项",
    broken: "无法显示此页面",
    brokenHint: "打开页面之后，cbsift 可能已更新。",
    reload: "重新加载页面",
  },
  ...fleet,
  ...machine,
  ...casework,
  ...sections,
  ...system,
  ...names,
  ...files,
  ...audit,
};
