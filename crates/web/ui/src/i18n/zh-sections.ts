// The pages of updates and causes, in Chinese.

import { count } from "../format";
import type { sections as english } from "./en-sections";

const z = (value: number) => count("zh", value);

export const sections: typeof english = {
  updates: {
    title: "更新",
    update: "更新",
    search: "KB 编号",
    total: (total) => `共 ${z(total)} 个更新`,
    none: "这些天没有电脑尝试更新",
    noneMatch: "没有符合的更新",
    firstTry: "首次尝试",
    rollout: "各状态的电脑数",
    rolloutHint: (tried, seen) => `有日志的 ${z(seen)} 台电脑中，${z(tried)} 台尝试过`,
    have: (share) => `尝试过的电脑中 ${share} 已装好`,
    curve: "已装好的电脑数（按天）",
    curveBefore: (kb) => `与上一个更新 ${kb} 对比，各从自己的首次尝试算起`,
    curveLines: (kb) => `${kb} 已安装`,
    curveFailing: (kb) => `${kb} 更新失败`,
    day: "第几天",
    causes: "失败原因",
    noCauses: "目前没有使它失败的原因",
    builds: "按 Windows 版本",
    build: "版本",
    share: "失败占比",
    lacks: "尚未装好的电脑",
    lacksNone: "有日志的电脑均已装好",
    unknownKb: (kb) => `这些天没有电脑尝试过 ${kb}`,
    headline: (kb, failing, tried) =>
      failing === 0
        ? `${kb}：没有电脑失败，${z(tried)} 台尝试过`
        : `${kb}：${z(tried)} 台尝试过，其中 ${z(failing)} 台失败`,
    none_yet: (kb) => `${kb}：还没有电脑尝试`,
  },
  causes: {
    title: "原因",
    search: "关键字、错误码或对象",
    total: (total) => `共 ${z(total)} 个原因`,
    none: "这些天没有查明的原因",
    noneMatch: "没有符合的原因",
    states: "状态",
    all: "全部",
    codes: "这些天日志中的错误码",
  },
  cause: {
    headline: (now) => (now === 0 ? "目前没有电脑因此失败" : `目前 ${z(now)} 台电脑因此失败`),
    ever: (pcs, times) => `这些天共 ${z(pcs)} 台电脑，失败 ${z(times)} 次`,
    firstLast: (first, last) => `${first} 至 ${last}`,
    unknown: "这些天没有出现过此原因",
    unknownHint: "请放宽日期，或在全部原因中查找。",
    meaning: "含义",
    usersSee: "用户看到的错误码",
    equals: "等价错误码",
    overTime: "每天因此失败的电脑数",
    pcs: "电脑数",
    attempts: "失败次数",
    sample: "最近一例",
    sampleOn: "电脑",
    objects: "涉及的对象",
    objectsCut: (shown, total) => `仅列出前 ${z(shown)} 个，共 ${z(total)} 个`,
    noObjects: "日志未指明对象",
    kbs: "因此失败的更新",
    common: "失败的电脑的共同点",
    commonHint: "与尝试过相同更新且未失败的电脑对比",
    kinds: { build: "版本", servicing_stack: "服务堆栈", label: "标签" },
    failingWith: "失败的电脑",
    healthyWith: "正常电脑",
    onlyFailing: "仅见于失败的电脑",
    noCommon: "没有明显的共同点",
    twins: "可参照的正常电脑",
    twinsHint: "版本与更新相同且已装好，可从中复制文件或对比",
    noTwins: "没有版本与更新均相同的正常电脑",
    list: "因此失败的电脑",
  },
};
