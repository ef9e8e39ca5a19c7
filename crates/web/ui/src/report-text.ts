// A report as Markdown and as HTML, for tickets and mails. Strangers' text in it stays text in both. Pure.

import { type Lang, tagOf } from "./i18n";
import type { Block, Report } from "./report";
import { visible } from "./visible";

/** One line, in which nothing means anything to Markdown: neither markup, nor HTML, nor an address that becomes a link. */
export function markdown(text: string): string {
  return visible(text)
    .replace(/\s+/g, " ")
    .trim()
    .replace(/[\\`*[\]#~|!>@]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])|:(?=\/\/)|(?<=\bwww)\./gi, "\\$&")
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replace(/^[-+=]/, "\\$&")
    .replace(/^(\d+)([.)])/, "$1\\$2");
}

/** A text as it is, fenced by more ticks than stand in it. */
function fenced(text: string): string {
  const shown = visible(text);
  const longest = Math.max(2, ...[...shown.matchAll(/`+/g)].map(([run]) => run.length));
  const fence = "`".repeat(longest + 1);
  return `${fence}text\n${shown}\n${fence}`;
}

export function toMarkdown(report: Report): string {
  const block = (each: Block): string => {
    switch (each.kind) {
      case "lead":
        return `**${markdown(each.text)}**`;
      case "text":
        return each.text
          .split("\n")
          .map((line) => markdown(line))
          .join("  \n");
      case "head":
        return `### ${markdown(each.text)}`;
      case "facts":
        return each.rows.map(([label, value]) => `- ${markdown(label)}: ${markdown(value)}`).join("\n");
      case "list":
        return each.items.map((item) => `- ${markdown(item)}`).join("\n");
      case "steps":
        return each.items.map((item, at) => `${at + 1}. ${markdown(item)}`).join("\n");
      case "records":
        return each.items.map(({ head, text }) => `${markdown(head)}\n\n${fenced(text)}`).join("\n\n");
    }
  };
  const parts = [
    `# ${markdown(report.title)}`,
    ...report.sections.flatMap(({ title, blocks }) => [`## ${markdown(title)}`, ...blocks.map(block)]),
    "---",
    `${markdown(report.made)}  \n<${report.url}>`,
  ];
  return `${parts.join("\n\n")}\n`;
}

const SIGNS: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };
const escape = (text: string) => visible(text).replace(/[&<>"']/g, (sign) => SIGNS[sign]!);

/** As on the pages; a file that is opened by itself has no style sheet beside it. */
const STYLE = `body{font:15px/1.5 system-ui,"Segoe UI","Microsoft YaHei",sans-serif;max-width:820px;margin:32px auto;padding:0 16px;color:#17212b}
h1{font-size:24px}h2{margin-top:28px;border-bottom:1px solid #dbe1e7}h3{font-size:15px;margin:18px 0 4px}
.lead{font-weight:600}dl{display:grid;grid-template-columns:max-content 1fr;gap:2px 16px}dt{color:#55626f}dd{margin:0;overflow-wrap:anywhere}
pre{white-space:pre-wrap;overflow-wrap:anywhere;background:#f4f6f8;padding:8px 10px;font:12.5px/1.5 Consolas,monospace}
footer{margin-top:32px;color:#55626f;font-size:13px;overflow-wrap:anywhere}`;

/** A file of its own, which may run nothing and ask for nothing, wherever it is opened. */
export function toHtml(report: Report, lang: Lang): string {
  const items = (all: string[]) => all.map((item) => `<li>${escape(item)}</li>`).join("");
  const block = (each: Block): string => {
    switch (each.kind) {
      case "lead":
        return `<p class="lead">${escape(each.text)}</p>`;
      case "text":
        return `<p>${each.text.split("\n").map(escape).join("<br>")}</p>`;
      case "head":
        return `<h3>${escape(each.text)}</h3>`;
      case "facts":
        return `<dl>${each.rows.map(([label, value]) => `<dt>${escape(label)}</dt><dd>${escape(value)}</dd>`).join("")}</dl>`;
      case "list":
        return `<ul>${items(each.items)}</ul>`;
      case "steps":
        return `<ol>${items(each.items)}</ol>`;
      case "records":
        return each.items.map(({ head, text }) => `<p>${escape(head)}</p><pre>${escape(text)}</pre>`).join("\n");
    }
  };
  const sections = report.sections.map(
    ({ title, blocks }) => `<section>\n<h2>${escape(title)}</h2>\n${blocks.map(block).join("\n")}\n</section>`,
  );
  return `<!doctype html>
<html lang="${tagOf(lang)}">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>${escape(report.title)}</title>
<style>${STYLE}</style>
</head>
<body>
<h1>${escape(report.title)}</h1>
${sections.join("\n")}
<footer>${escape(report.made)}<br><a href="${escape(report.url)}">${escape(report.url)}</a></footer>
</body>
</html>
`;
}
