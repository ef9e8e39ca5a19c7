import { expect, test } from "vitest";
import type { AttemptDetail, EndpointDetail } from "./api";
import { NOTHING_TYPED, reportOf } from "./report";
import { markdown, toHtml, toMarkdown } from "./report-text";

const HOSTILE = "<img src=x onerror=alert(1)> **b** [l](javascript:x) ```\u202etxt | http://evil.example";

const finding = {
  id: "f",
  place: "0",
  rule: "fs_corrupt_path",
  category: "filesystem_corruption",
  severity: "error",
  title: { en: "File system corruption", zh: "文件系统损坏" },
  advice: { en: "chkdsk C: /scan\nrestore it", zh: "执行 chkdsk C: /scan\n从备份恢复" },
  root_code: "0xc0000102",
  root_name: "STATUS_FILE_CORRUPT_ERROR",
  terminal_code: "0x80070570",
  object: HOSTILE,
  kb: "KB5016616",
  package: "",
  component: "",
  logged: "2022-08-18 15:53:46",
  utc: null,
  confidence: 92,
  reasons: [{ key: "origin", text: { en: "It is the origin", zh: "是最早出现的错误" } }],
  count: 1,
  evidence: [],
};
const one = {
  id: "a",
  package: "P",
  kb: "KB5016616",
  client: "",
  session: "",
  start: "2022-08-18 15:53:46",
  end: null,
  start_utc: null,
  outcome: "failed",
  terminal_code: "0x80070570",
  terminal_name: "ERROR_FILE_CORRUPT",
  finding: "0",
};
const detail = {
  endpoint: {
    id: "PC-1",
    name: null,
    host: "PC-1",
    labels: [],
    hosts: [],
    contact: null,
    build: "19044.1889",
    servicing_stack: null,
    utc_offset: null,
    first: null,
    last: null,
  },
  updates: [{ kb: "KB5016616", state: "failing", since: null, cause: null, attempts: 41 }],
  totals: { streams: 1 },
  streams: [{ gaps_total: 2 }],
  attempts: [one],
  findings: [
    finding,
    { ...finding, place: "1", rule: "sfc_noise", severity: "info", title: { en: "SFC is wrong", zh: "SFC 误报" } },
  ],
} as unknown as EndpointDetail;
const attempt = {
  endpoint: { id: "PC-1", name: null, host: "PC-1", build: null },
  attempt: one,
  finding,
  ladder: [
    {
      rung: "origin",
      stream: "s",
      offset: 7,
      length: 9,
      source: "cbs",
      logged: "2022-08-18 15:53:46",
      utc: null,
      text: `${HOSTILE}\n# not a heading`,
      codes: [],
    },
  ],
  same: { pcs: 3, attempts: 4, cause: "fs_corrupt_path~0xc0000102" },
  before: [],
  after: [],
} as unknown as AttemptDetail;
const about = {
  detail,
  attempt,
  typed: NOTHING_TYPED,
  url: "http://x/endpoints/PC-1/attempts/a",
  made: "2022-08-19",
};

test("a report says what happened, why, and what it comes to, in this order", () => {
  for (const [lang, titles] of [
    ["en", ["Problem", "Analysis", "Summary"]],
    ["zh", ["问题描述", "问题分析", "问题总结"]],
  ] as const) {
    const { sections } = reportOf(lang, about);
    expect(sections.map(({ title }) => title)).toEqual(titles);
  }
  const text = toMarkdown(reportOf("zh", about));
  for (const part of ["0xc0000102", "0x80070570", "执行 chkdsk", "SFC 误报", "日志有 2 处从未到达", "共 3 台"])
    expect(text).toContain(part);
});

test("what is typed stands in the report, and nothing of it where nothing was", () => {
  const typed = { caseNumber: "SR-7", customer: "Contoso", tried: "reboot\n\nDISM", outcome: "Solved." };
  const text = toMarkdown(reportOf("en", { ...about, typed }));
  expect(text).toContain("- Case number: SR-7");
  expect(text).toContain("### Steps tried\n\n1. reboot\n2. DISM");
  expect(text).toContain("### Outcome\n\nSolved.");
  const plain = toMarkdown(reportOf("en", about));
  expect(plain).not.toContain("Case number");
  expect(plain).not.toContain("Steps tried");
  expect(plain).toContain("Not closed yet.");
});

test("log text is no markup in HTML", () => {
  const typed = { ...NOTHING_TYPED, customer: HOSTILE, tried: HOSTILE, outcome: `${HOSTILE}\n</section><script>` };
  const html = toHtml(reportOf("en", { ...about, typed }), "en");
  expect(html.match(/<(img|script|iframe)/g)).toBeNull();
  expect(html).toContain("&lt;img src=x onerror=alert(1)&gt;");
  expect(html).toContain("[U+202E]txt");
  expect(html).toContain("default-src 'none'");
  const tags = new Set([...html.matchAll(/<\/?([a-z0-9]+)/g)].map(([, tag]) => tag));
  expect([...tags].sort()).toEqual(
    "a body br dd dl dt footer h1 h2 h3 head html li meta ol p pre section style title ul".split(" "),
  );
});

test("log text is no markup in Markdown, and closes no fence", () => {
  const text = toMarkdown(reportOf("en", about));
  // Outside of fences no sign of HTML, of a link or of emphasis stands bare.
  const outside = text.replace(/^(`{3,})text\n[\s\S]*?\n\1$/gm, "");
  expect(outside).not.toMatch(/<img|(?<!\\)\]\(|(?<!\\):\/\/evil/);
  expect(outside.match(/(?<!\\)<[^\n]*/g)).toEqual(["<http://x/endpoints/PC-1/attempts/a>"]);
  expect(text).toContain("````text\n<img");
  expect(text).toContain("\n# not a heading\n````");
  expect(outside.match(/^#+ .*$/gm)!.every((line) => !line.includes("not a heading"))).toBe(true);
});

test("what means something to Markdown only at the start of a line is harmless there too", () => {
  expect(markdown("- a\n# b")).toBe("\\- a \\# b");
  expect(markdown("12. x")).toBe("12\\. x");
  expect(markdown("C:\\a_b *c* ERROR_FILE_CORRUPT _d_")).toBe("C:\\\\a_b \\*c\\* ERROR_FILE_CORRUPT \\_d\\_");
});

test("an attempt without a cause has not that of another problem of its PC", () => {
  const text = toMarkdown(reportOf("en", { ...about, attempt: { ...attempt, finding: null } }));
  expect(text).not.toContain("File system corruption");
  expect(text).toContain("These logs do not show a cause.");
});

test("what an answer holds in part is neither counted nor vouched for", () => {
  // Ten tries before and ten after are all that an attempt tells of.
  expect(toMarkdown(reportOf("en", about))).toContain("- Attempts of this update: 41");
  expect(toMarkdown(reportOf("en", { ...about, detail: { ...detail, updates: [] } }))).not.toContain(
    "Attempts of this",
  );
  const whole = { ...detail, streams: [{ ...detail.streams[0]!, gaps_total: 0 }] };
  const limits = (streams: number) =>
    toMarkdown(reportOf("en", { ...about, detail: { ...whole, totals: { ...detail.totals, streams } } }));
  expect(limits(1)).toContain("No gaps are known");
  expect(limits(51)).not.toContain("No gaps are known");
});

test("a PC without a failed attempt is reported by its finding", () => {
  const report = reportOf("en", { ...about, attempt: null });
  expect(report.title).toBe("Case report: PC-1");
  expect(JSON.stringify(report)).toContain("File system corruption");
});
