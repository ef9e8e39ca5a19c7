// Walks through the pages as a person would, in a real browser: charts that show something, both languages, the way from the
// fleet to a record of the log and to a report (story.mjs), accessibility of every page, and that log text never becomes markup.
//
//   node tests/browser/run.mjs --url http://127.0.0.1:PORT/ --out DIR [--hostile ID] [--views few|all] [--messages DIR]
//
// `--views all` looks at every page in both languages, three sizes, light and dark; otherwise in three of these.
// `--messages` names a folder of pages (*.html) that are no pages of ours, what receivers of alerts are sent: they get a picture each.
// `--hostile` names an endpoint whose log holds control and direction characters, and more attempts than one answer.
// It installs nothing and starts no server. Exit codes: 0 all checks passed, 1 a check failed, 2 it could not start.

import { existsSync, mkdirSync, readdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { story } from "./story.mjs";

/** A page of a busy machine may take a while; every wait is for a condition, and this is its deadline. */
const DEADLINE_MS = 30_000;
const BROWSERS = [
  process.env.CHROMIUM,
  "/usr/bin/chromium",
  "/usr/bin/chromium-browser",
  "/usr/bin/google-chrome",
];

function stop(message, hint) {
  console.error(`${message}\nhint: ${hint}`);
  process.exit(2);
}

let args;
try {
  args = parseArgs({
    options: {
      url: { type: "string" },
      out: { type: "string" },
      hostile: { type: "string" },
      views: { type: "string", default: "few" },
      messages: { type: "string" },
    },
  }).values;
} catch (error) {
  stop(
    error.message,
    "node tests/browser/run.mjs --url http://127.0.0.1:PORT/ --out DIR",
  );
}
if (!args.url || !args.out)
  stop(
    "`--url` and `--out` are needed",
    "node tests/browser/run.mjs --url http://127.0.0.1:PORT/ --out DIR",
  );
if (!["few", "all"].includes(args.views))
  stop(`\`--views\` is "${args.views}"`, "it is few or all");
const executablePath = BROWSERS.find((path) => path && existsSync(path));
if (!executablePath)
  stop(
    "no Chromium was found",
    "apt-get install -y chromium fonts-noto-cjk, or name one in CHROMIUM",
  );

let chromium, axeSource;
try {
  ({ chromium } = await import("playwright-core"));
  ({ source: axeSource } = (await import("axe-core")).default);
} catch (error) {
  stop(
    `the browser test's packages are missing: ${error.message.split("\n")[0]}`,
    "npm ci --prefix tests/browser",
  );
}

const base = new URL(args.url);
mkdirSync(args.out, { recursive: true });
// Chromium refuses its sandbox to root, which is what build machines run as; it opens only our own page here.
const browser = await chromium.launch({
  executablePath,
  args: process.getuid?.() === 0 ? ["--no-sandbox"] : [],
});
let passed = 0;
const failures = [];

/** One check: a name, and a function that throws where it does not hold. */
async function check(name, run) {
  try {
    await run();
    passed += 1;
    console.log(`ok      ${name}`);
  } catch (error) {
    failures.push(name);
    console.log(
      `FAILED  ${name}\n        ${String(error.message ?? error)
        .split("\n")
        .slice(0, 12)
        .join("\n        ")}`,
    );
  }
}

function assert(condition, message) {
  if (!condition) throw new Error(message);
}

/** A page that keeps every complaint of the browser: errors of scripts, of the content policy, of requests to elsewhere. */
async function open(options) {
  const context = await browser.newContext({
    viewport: { width: 1280, height: 900 },
    ...options,
  });
  const page = await context.newPage();
  page.setDefaultTimeout(DEADLINE_MS);
  page.complaints = [];
  page.on(
    "console",
    (message) =>
      message.type() === "error" && page.complaints.push(message.text()),
  );
  page.on("pageerror", (error) => page.complaints.push(error.message));
  page.on(
    "dialog",
    (dialog) => (
      page.complaints.push(`dialog: ${dialog.message()}`),
      dialog.dismiss()
    ),
  );
  page.on("request", (request) => {
    const url = new URL(request.url());
    if (url.protocol.startsWith("http") && url.host !== base.host)
      page.complaints.push(`request to ${url.host}`);
  });
  return page;
}

const go = async (page, path) => {
  await page.goto(new URL(path, base).href);
  await page.locator("main h1").first().waitFor();
};
const seeChart = async (page) => {
  await page.locator(".over-time").scrollIntoViewIfNeeded();
  await page.locator(".chart .bar").first().waitFor({ state: "attached" });
};
const shoot = (page, name) =>
  page.screenshot({ path: join(args.out, `${name}.png`), fullPage: true });
const texts = (locator) => locator.allInnerTexts();

/** Accessibility by axe-core, run through the debugger so that the page's content policy stays as it is. */
async function axe(page, name) {
  await page.evaluate(axeSource);
  const { violations } = await page.evaluate(() =>
    globalThis.axe.run(document, { resultTypes: ["violations"] }),
  );
  const told = violations.map(
    ({ id, impact, nodes }) =>
      `${id} (${impact}): ${nodes
        .slice(0, 3)
        .map((node) => node.target.join(" "))
        .join(" | ")}`,
  );
  assert(told.length === 0, `${name}: ${told.join("\n")}`);
}

async function noOverflow(page) {
  const over = await page.evaluate(
    () =>
      document.documentElement.scrollWidth -
      document.documentElement.clientWidth,
  );
  assert(over <= 0, `the page is ${over} px wider than its window`);
}

const page = await open({ locale: "en-US", colorScheme: "light" });
const places = { overview: "/" };

await check(
  "the overview answers in a sentence and shows figures",
  async () => {
    await go(page, "/?lang=en");
    await page.locator('.totals a[href^="/causes"]').waitFor();
    assert(
      /\d/.test(await page.locator("main h1").innerText()),
      "the headline holds no figure",
    );
    const figures = await texts(page.locator(".totals dd > :first-child"));
    // A sixth stands there where a clock is ahead.
    assert(
      [5, 6].includes(figures.length) &&
        figures.every((figure) => /\d/.test(figure)),
      `totals: ${figures.join(", ")}`,
    );
  },
);

await check("the charts are not empty", async () => {
  await seeChart(page);
  const drawn = await page.evaluate(() => {
    const swatches = [...document.querySelectorAll(".over-time .swatch")].map(
      (swatch) => getComputedStyle(swatch).backgroundColor,
    );
    // A bar is an area in a colour of the legend.
    const areas = [...document.querySelectorAll(".chart .bar")].filter((bar) => {
      const box = bar.getBoundingClientRect();
      return (
        swatches.includes(getComputedStyle(bar).fill) &&
        box.width > 1 &&
        box.height > 1
      );
    });
    return {
      bars: areas.length,
      others: document.querySelectorAll(".chart .bar").length - areas.length,
      alike: swatches.length - new Set(swatches).size,
    };
  });
  assert(
    drawn.bars > 0 && drawn.others === 0,
    `${drawn.bars} bars in a colour of the legend, ${drawn.others} others`,
  );
  assert(drawn.alike === 0, `${drawn.alike} colours of the legend are alike`);
  // The figures behind the drawing, which screen readers get: they must agree with the legend.
  await page.locator(".figures summary").click();
  await page.locator(".figures tbody tr").first().waitFor();
  const sum = (
    await texts(page.locator(".figures tbody td:nth-child(n + 4)"))
  ).reduce((total, each) => total + Number(each.replace(/\D/g, "")), 0);
  const legend = (await texts(page.locator(".legend b"))).reduce(
    (total, each) => total + Number(each.replace(/\D/g, "")),
    0,
  );
  assert(
    sum > 0 && sum === legend,
    `the table sums up to ${sum}, the legend to ${legend}`,
  );
  assert(
    (await page.locator(".kbs .piece.failing").count()) > 0,
    "no bars of updates",
  );
});

await check("causes and updates are listed, here and on their pages", async () => {
  for (const list of [".causes > li", ".kbs > li"])
    assert((await page.locator(list).count()) > 0, `nothing in ${list}`);
  await shoot(page, "overview-en-light");
  for (const [path, lists] of [
    ["/updates", [".kbs > li"]],
    ["/causes", [".causes > li", ".codes > li"]],
  ]) {
    places[path.slice(1)] = path;
    await go(page, path);
    for (const list of lists) await page.locator(list).first().waitFor();
    // A list says how many rows it has.
    const total = await page.locator(".panel h2").first().innerText();
    assert(
      Number(total.replace(/\D/g, "")) >= (await page.locator(lists[0]).count()),
      total,
    );
  }
  await go(page, "/?lang=en");
});
for (const path of ["unexplained", "coverage", "alerts", "system"])
  places[path] = `/${path}`;

await check("the language switches, and stays after a reload", async () => {
  const english = await page.locator("main h1").innerText();
  await page.locator("button.lang").click();
  await page.waitForFunction(() => document.documentElement.lang === "zh-CN");
  assert(
    /[\u4e00-\u9fff]/.test(await page.locator("main h1").innerText()),
    "the headline is not Chinese",
  );
  for (const heading of await texts(page.locator("h2")))
    assert(
      /[\u4e00-\u9fff]/.test(heading),
      `a heading stayed English: ${heading}`,
    );
  await page.reload();
  await page.locator(".totals").waitFor();
  assert(
    (await page.evaluate(() => document.documentElement.lang)) === "zh-CN",
    "the choice was forgotten",
  );
  await shoot(page, "overview-zh-light");
  await page.locator("button.lang").click();
  assert(
    (await page.locator("main h1").innerText()) === english,
    "English did not come back as it was",
  );
});

await check(
  "a category narrows the page, its chip widens it again",
  async () => {
    const before = await page.locator("main h1").innerText();
    await seeChart(page);
    await page.locator(".legend a").first().click();
    await page.waitForURL(/category=/);
    await page.locator(".filters .chip").waitFor();
    await page.locator(".filters .chip").click();
    await page.waitForURL((url) => !url.search.includes("category="));
    await page.waitForFunction(
      (text) => document.querySelector("main h1")?.innerText === text,
      before,
    );
  },
);

await check("a figure leads to the list of those it counts", async () => {
  await go(page, "/?lang=en");
  for (const tile of ["failing", "silent"]) {
    const figure = page.locator(`.totals a[href*="state=${tile}"]`);
    const number = await figure.innerText();
    await figure.click();
    await page.waitForURL(new RegExp(`/endpoints\\?.*state=${tile}`));
    await page.locator(".panel h2").waitFor();
    const total = await page.locator(".panel h2").innerText();
    assert(
      total.replace(/\D/g, "") === number.replace(/\D/g, ""),
      `the figure says ${number}, its list ${total}`,
    );
    await page.goBack();
    await page.locator(".totals").waitFor();
  }
});

await check(
  "a label narrows and groups the page, and every number leads to its list",
  async () => {
    await go(page, "/?lang=en");
    const choice = (name) =>
      page
        .locator(".filters label")
        .filter({ has: page.locator("span", { hasText: name }) })
        .locator("select");
    await choice(/^Ring$/).waitFor();
    const offered = await texts(choice(/^Ring$/).locator("option"));
    const broad = Number(
      /^broad \((\d+)\)$/m.exec(offered.join("\n"))?.[1] ?? 0,
    );
    assert(broad > 0, `rings: ${offered.join(", ")}`);
    await choice(/^Ring$/).selectOption("broad");
    await page.waitForURL(/label=ring%3Abroad/);
    await choice(/^Group by$/).selectOption("site");
    await page.waitForURL(/by=site/);
    const rows = page.locator(".groups tbody tr");
    await rows.first().waitFor();
    await page.waitForFunction(
      (wanted) =>
        [...document.querySelectorAll(".groups tbody td:nth-child(3)")].reduce(
          (sum, cell) => sum + Number(cell.textContent.replace(/\D/g, "")),
          0,
        ) === wanted,
      broad,
    );
    await axe(page, "the overview by site");
    await noOverflow(page);
    await shoot(page, "overview-by-site");
    // PCs that fail, then all PCs: the label goes along, the grouping does not.
    for (const column of [2, 3]) {
      const link = rows.first().locator(`td:nth-child(${column}) a`);
      const wanted = (await link.innerText()).replace(/\D/g, "");
      await link.click();
      await page.waitForURL(/\/endpoints\?.*label=site/);
      await page.locator(".panel h2").waitFor();
      const total = await page.locator(".panel h2").innerText();
      assert(
        total.replace(/\D/g, "") === wanted,
        `the group says ${wanted}, its list ${total}`,
      );
      assert(!page.url().includes("by="), page.url());
      if (column === 3) break;
      await page.goBack();
      await rows.first().waitFor();
    }
    const listed = page.locator("table.endpoints tbody tr");
    const labels = await texts(listed.locator(".labels"));
    assert(
      labels.length > 0 &&
        labels.length === (await listed.count()) &&
        labels.every((text) => /broad/.test(text)),
      `labels: ${labels.join(" | ")}`,
    );
    await axe(page, "endpoints by label");
    // The chips take away one at a time.
    await page.locator(".filters a.chip").first().click();
    await page.waitForFunction(
      () => document.querySelectorAll(".filters a.chip").length === 1,
    );
    await go(page, "/endpoints?lang=zh&label=ring%3Abroad");
    await page.locator(".filters a.chip", { hasText: "更新环" }).waitFor();
    await go(page, "/?lang=en");
  },
);

await check("a name that nothing has is no all-clear", async () => {
  await go(page, "/?kb=KB1234567");
  await page.locator(".headline.neutral").waitFor();
  assert(
    (await page.locator("main h1").innerText()).includes("KB1234567"),
    "the headline does not name it",
  );
  assert((await page.locator(".totals").count()) === 0, "figures of nothing");
  const like = page.locator(".like a");
  assert((await like.count()) > 0, "nothing that may be meant");
  await like.first().click();
  await page.locator(".totals").waitFor();
});

await check(
  "figures of another filter are busy until theirs have come",
  async () => {
    await go(page, "/?lang=en");
    let answer;
    const held = new Promise((done) => (answer = done));
    await page.route(/overview\?.*category=/, async (route) => {
      await held;
      await route.continue();
    });
    await seeChart(page);
    await page.locator(".legend a").first().click();
    await page.waitForURL(/category=/);
    await page.locator('.held[aria-busy="true"] h1').waitFor();
    await page.locator(".progress").waitFor();
    answer();
    await page.locator('.held[aria-busy="false"] h1').waitFor();
    await page.unroute(/overview\?.*category=/);
  },
);

await check("figures that are not renewed say since when", async () => {
  // The browser complains of each request that fails, so this page is one of its own.
  const away = await open({ locale: "en-US", colorScheme: "light" });
  await go(away, "/");
  await away.locator(".totals").waitFor();
  await away.route("**/api/**", (route) => route.abort());
  // They are asked for again after half a minute where nothing says that there are newer ones.
  await away.locator(".as-of").waitFor({ timeout: 60_000 });
  await away.locator(".status.bad .dot").waitFor();
  assert(
    /\d\d:\d\d/.test(await away.locator(".as-of").innerText()),
    "no time of the figures",
  );
  assert((await away.locator(".held.old").count()) > 0, "they look like new");
  // Dimming runs for a moment, and text under way to its colour is no finding.
  await away.waitForFunction(() =>
    document.getAnimations().every(({ playState }) => playState !== "running"),
  );
  await axe(away, "old figures");
  await away.context().close();
});

await check("a click in the chart narrows to its day", async () => {
  await go(page, "/?lang=en");
  await seeChart(page);
  await page.locator(".chart").scrollIntoViewIfNeeded();
  const at = await page.evaluate(() => {
    const [box] = [...document.querySelectorAll(".chart .bar")]
      .map((bar) => bar.getBoundingClientRect())
      .filter(({ width, height }) => width > 2 && height > 2);
    return box && { x: box.x + box.width / 2, y: box.y + box.height / 2 };
  });
  assert(at, "no bar to click");
  // What stands under the pointer is told beside it, inside the window.
  await page.mouse.move(at.x, at.y);
  const told = await page.locator(".chart-tip").innerText();
  assert(/\d{4}-\d\d-\d\d/.test(told) && /failed/.test(told), told);
  await noOverflow(page);
  await page.mouse.click(at.x, at.y);
  await page.waitForURL(/from=(\d{4}-\d\d-\d\d)&to=\1/);
  await page.goBack();
  await page.locator(".totals").waitFor();
});

await check(
  "from an endpoint to its finding, its evidence and the record",
  async () => {
    await go(page, "/endpoints?state=failing&sort=failed");
    await page.locator(".endpoints tbody a").first().click();
    await page.waitForURL(/\/endpoints\/[^/?]+$/);
    await page.locator(".finding").first().waitFor();
    places.endpoint = new URL(page.url()).pathname;
    assert((await page.locator(".finding .advice").count()) > 0, "no advice");
    assert((await page.locator(".finding meter").count()) > 0, "no confidence");
    assert(
      (await page.locator(".attempts tbody tr").count()) > 0,
      "no attempts",
    );
    assert((await page.locator(".streams > li").count()) > 0, "no streams");
    await shoot(page, "endpoint-en-light");
    const evidence = page.locator(".evidence li a").first();
    const head = (await evidence.locator(".evidence-text").textContent())
      .trim()
      .replace(/\s+/g, " ")
      .slice(0, 40);
    await evidence.click();
    await page.waitForURL(/\/records\?/);
    const target = page.locator(".record.target");
    await target.waitFor();
    places.records = page.url().slice(base.origin.length);
    const text = (await target.locator(".record-text").textContent())
      .trim()
      .replace(/\s+/g, " ");
    const whole = (await target.textContent()).replace(/\s+/g, " ");
    assert(
      text.includes(head.slice(-20)) ||
        head.includes(text.slice(0, 20)) ||
        whole.includes(head),
      `the record is not the evidence: ${head} / ${text.slice(0, 60)}`,
    );
    assert(
      await target.evaluate((element) => {
        const box = element.getBoundingClientRect();
        return box.bottom > 0 && box.top < innerHeight;
      }),
      "the record is out of sight",
    );
    await page.screenshot({ path: join(args.out, "records-en-light.png") });
  },
);

await check(
  "neighbours are loaded both ways without moving the record",
  async () => {
    const count = () => page.locator(".records > .record").count();
    for (const way of ["↑", "↓"]) {
      const button = page.locator(".log > .button", { hasText: way });
      if ((await button.count()) === 0) continue;
      const before = await count();
      await button.click();
      await page.waitForFunction(
        (least) =>
          document.querySelectorAll(".records > .record").length > least,
        before,
      );
    }
    const offsets = await page.locator(".records > .record").count();
    assert(offsets > 1, "the record has no neighbours");
    assert(
      (await page.locator(".record.target").count()) === 1,
      "the record is marked once",
    );
  },
);

await check("a log is narrowed, jumped in, and taken home", async () => {
  const here = page.url();
  const records = page.locator(".records > .record");
  const all = await records.count();
  const text = await page.locator(".record.target .record-text").innerText();
  const narrowed = page.locator(".log-tools:not(.find)");
  await narrowed.locator("input[type=search]").fill(text.slice(0, 40));
  await narrowed.locator("[role=status]").waitFor();
  const shown = await records.count();
  assert(shown > 0 && shown < all, `${shown} of ${all} records are left`);
  await narrowed
    .locator("input[type=search]")
    .fill("no record says so");
  await page.locator(".log .empty").waitFor();
  await narrowed.locator("input[type=search]").fill("");
  const file = page.locator(".log-tools a[download]");
  const log = await page.request.get(await file.evaluate(({ href }) => href));
  assert(
    log.ok() && (await log.text()).includes(text.split("\n")[0].slice(0, 40)),
    `the log as a file: ${log.status()}`,
  );
  // Found from its beginning, wherever it is among what is loaded.
  const place = new URL(here).searchParams.get("offset");
  await page.goto(here.replace(/offset=\d+/, "offset=0"));
  await page.locator(".record.target").waitFor();
  await page.locator(".find input").fill(text.split("\n")[0].slice(0, 40));
  await page.locator(".find button[type=submit]").click();
  await page.waitForURL((url) => url.searchParams.get("offset") !== "0");
  const met = new URL(page.url()).searchParams.get("offset");
  assert(Number(met) > 0 && Number(met) <= Number(place), `found at ${met}`);
  await page.locator(".record.target").waitFor();
  assert(
    (await page.locator(".find input").inputValue()) !== "",
    "what is looked for is forgotten",
  );
  await page.locator(".jump input").fill("0");
  await page.locator(".jump button").click();
  await page.waitForURL(/offset=0$/);
  await page.locator(".record.target").waitFor();
  await page.goto(here);
  await page.locator(".record.target").waitFor();
});

await check("a code in the text says what it means on focus", async () => {
  const code = page.locator(".record .code.in-text").first();
  await code.scrollIntoViewIfNeeded();
  await code.focus();
  await page.locator(".tip .tip-code span").waitFor();
  assert(
    /^0x[0-9a-f]{8}/.test(await page.locator(".tip .tip-code").innerText()),
    "the tip names no code",
  );
  await page.keyboard.press("Escape");
  await page.locator(".tip").waitFor({ state: "detached" });
  await code.click();
  await page.waitForURL(/\/codes\/0x/);
  await page.locator(".page-head .lead").waitFor();
  places.code = new URL(page.url()).pathname;
  await shoot(page, "code-en-light");
});

await check("every list is there as a file", async () => {
  for (const [path, lists] of [
    ["/endpoints", ["endpoints"]],
    ["/updates", ["updates"]],
    ["/causes", ["causes", "codes"]],
    ["/unexplained", ["unexplained"]],
    ["/coverage", ["coverage"]],
    ["/alerts", ["alerts"]],
    [places.endpoint, ["attempts", "findings", "logs", "codes"]],
  ]) {
    await go(page, path);
    for (const list of lists)
      for (const ending of ["csv", "ndjson"]) {
        const link = page.locator(`.files a[href*="/${list}.${ending}"]`).first();
        await link.waitFor();
        const file = await page.request.get(
          await link.evaluate(({ href }) => href),
        );
        const disposition = file.headers()["content-disposition"] ?? "";
        assert(
          file.ok() && disposition.includes(`.${ending}`),
          `${list}.${ending} of ${path}: ${file.status()} ${disposition}`,
        );
      }
  }
});

await check("a PC says from when to when its logs are held", async () => {
  await go(page, places.endpoint);
  const headline = await page.locator(".headline p").last().innerText();
  assert(/\d{4}-\d{2}-\d{2} \d{2}:\d{2}/.test(headline), headline);
  assert(
    (await page.locator(".held-times > li").count()) > 0,
    "no kind of log is told of",
  );
});

await check("endpoints are found by name", async () => {
  await go(page, "/endpoints");
  places.endpoints = "/endpoints";
  const name = await page.locator(".endpoints tbody a").first().innerText();
  await page.locator(".field").fill(name);
  await page.waitForURL(/q=/);
  await page.waitForFunction((wanted) => {
    const rows = [...document.querySelectorAll(".endpoints tbody a")];
    return (
      rows.length > 0 &&
      rows.every(
        (row) =>
          row.textContent === wanted ||
          row.closest("th").textContent.includes(wanted),
      )
    );
  }, name);
  await page.locator("header .search input").fill("0x80070570");
  await page.keyboard.press("Enter");
  await page.waitForURL(/\/codes\/0x80070570$/);
});

await check("log text stays text", async () => {
  const markup = await page.evaluate(
    () =>
      [
        ...document.querySelectorAll(
          "main script, main iframe, main [onerror], main [onload], main img",
        ),
      ].length,
  );
  assert(markup === 0, "markup came from data");
  assert(page.complaints.length === 0, page.complaints.join("\n"));
});

if (args.hostile) {
  places.hostile = `/endpoints/${encodeURIComponent(args.hostile)}`;

  await check("what has no shape or turns text round is a mark", async () => {
    await go(page, places.hostile);
    await page.locator(".attempts .mark").first().waitFor();
    const raw = await page.evaluate(() => {
      const harmful =
        /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff]/;
      const found = harmful.test(document.title) ? ["title"] : [];
      const walker = document.createTreeWalker(
        document.documentElement,
        NodeFilter.SHOW_ELEMENT | NodeFilter.SHOW_TEXT,
      );
      for (let node = walker.nextNode(); node; node = walker.nextNode()) {
        if (node.nodeType === Node.TEXT_NODE) {
          if (harmful.test(node.data)) found.push(JSON.stringify(node.data));
        } else {
          for (const { name, value } of node.attributes)
            if (harmful.test(value))
              found.push(`${name}=${JSON.stringify(value)}`);
        }
      }
      return found;
    });
    assert(raw.length === 0, raw.slice(0, 5).join("\n"));
    const label = await page.locator(".mark").first().getAttribute("aria-label");
    assert(label?.length > 5, "a mark says what it is");
    await shoot(page, "hostile-en-light");
  });

  await check("a long list is walked by keyboard, and nothing jumps", async () => {
    const pager = page.locator("nav.pager", { hasText: "of" }).filter({
      has: page.locator('a[href*="attempts="]'),
    });
    const rows = () => texts(page.locator(".attempts tbody tr td:nth-child(2) b"));
    const [first, said] = [await rows(), await pager.locator("span").innerText()];
    const next = pager.locator("a").last();
    await next.focus();
    const before = await page.evaluate(() => scrollY);
    await page.keyboard.press("Enter");
    await page.waitForURL(/attempts=/);
    const status = page.locator("nav.pager span", { hasText: /^101/ });
    await status.waitFor();
    assert(said.startsWith("1–"), said);
    const second = await rows();
    assert(
      second.length > 0 && second.every((row) => !first.includes(row)),
      "a row stands on two pages",
    );
    const now = await page.evaluate(() => ({
      scroll: scrollY,
      focus: document.activeElement?.textContent,
    }));
    assert(now.scroll === before, `scrolled from ${before} to ${now.scroll}`);
    assert(now.focus?.includes("→"), `the focus is at ${now.focus}`);
    await page.reload();
    await status.waitFor();
    assert((await rows())[0] === second[0], "the address keeps the page");
    await page.goBack();
    await page.waitForURL((url) => !url.search.includes("attempts="));
  });
}

await story({
  check,
  assert,
  open,
  go,
  shoot,
  texts,
  axe,
  places,
  hostile: args.hostile,
});

// A phone, a laptop, a screen on a wall.
const all = ["en-US", "zh-CN"].flatMap((locale) =>
  ["light", "dark"].flatMap((colorScheme) =>
    [390, 1280, 1920].map((width) => ({
      name: `${locale.slice(0, 2)}-${colorScheme}-${width}`,
      locale,
      colorScheme,
      width,
    })),
  ),
);
const few = ["en-light-1280", "zh-dark-1280", "en-dark-390"];
const views =
  args.views === "all" ? all : all.filter(({ name }) => few.includes(name));
for (const { name, width, ...options } of views) {
  const view = await open({ ...options, viewport: { width, height: 844 } });
  for (const [place, path] of Object.entries(places)) {
    await check(`${place} is accessible and fits (${name})`, async () => {
      await go(view, path);
      await view.locator(".panel, .log").first().waitFor();
      await shoot(view, `${place}-${name}`);
      await noOverflow(view);
      await axe(view, place);
      assert(view.complaints.length === 0, view.complaints.join("\n"));
    });
  }
  await view.context().close();
}

if (args.messages) {
  const files = readdirSync(args.messages).filter((file) =>
    file.endsWith(".html"),
  );
  for (const width of [390, 1280]) {
    const context = await browser.newContext({
      viewport: { width, height: 844 },
      javaScriptEnabled: false,
      offline: true,
    });
    const message = await context.newPage();
    for (const file of files)
      await check(`${file} has something to show (${width})`, async () => {
        await message.goto(pathToFileURL(resolve(args.messages, file)).href);
        const text = await message.locator("body").innerText();
        assert(text.trim().length > 40, text);
        await shoot(message, `message-${file.slice(0, -5)}-${width}`);
      });
    await context.close();
  }
}

await browser.close();
console.log(`${passed} passed, ${failures.length} failed`);
process.exitCode = failures.length === 0 ? 0 : 1;
