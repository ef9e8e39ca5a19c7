// Who may see what, and who did what, in Chinese.

import type { audit as english } from "./en-audit";

export const audit: typeof english = {
  roles: {
    refused: "您的角色无权查看此内容",
    names: { operator: "操作员", auditor: "审计员", administrator: "管理员" },
    and: "、",
    may: (roles) => `${roles}可以查看。请申请相应角色的令牌，或请他们代为查看。`,
    withheld: "审计员不能查看此记录的原文",
  },
  audit: {
    hint: "最新的在前。查看日志原文时，每位读者对每台电脑的每个日志在十分钟内记录一条。",
    when: "时间（UTC）",
    who: "操作者",
    action: "操作",
    object: "对象",
    before: "之前",
    after: "之后",
    none: "这里没有记录",
    newest: "最新",
    older: "更早",
  },
};
