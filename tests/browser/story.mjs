// The three ways that people go through the pages: from the fleet down to a record and up to a report, from an alert to a record,
// and by the search box; with what they expect of going back.

import { gzipSync } from "node:zlib";

/** Script of the first page, compressed: what a branch office's line has to carry before anything shows. */
const FIRST_SCRIPT_MAX = 150_000;

const TITLES = {
  en: ["Problem", "Analysis", "Summary"],
  zh: ["问题描述", "问题分析", "问题总结"],
};

/** `places` is filled with the addresses of the pages, which are then checked in every view. */
export async function story({
  check,
  assert,
  open,
  go,
  shoot,
  texts,
  axe,
  places,
  hostile,
}) {
  for (const lang of ["en", "zh"]) {
    const page = await open({
      locale: lang === "en" ? "en-US" : "zh-CN",
      colorScheme: "light",
    });
    await check(
      `Today, update, cause, PC, attempt, record, report (${lang})`,
      async () => {
        await go(page, `/?lang=${lang}`);
        // The founding case where the fleet has it, else what fails most.
        const founding = page
          .locator('.act-on a[href*="0xc0000102"]')
          .first();
        await page.locator(".act-on .cause-title").first().waitFor();
        const hasFounding = (await founding.count()) > 0;
        await page.locator(".kbs > li > a").first().click();
        await page.waitForURL(/\/updates\/[^/]+$/);
        await page.locator(".funnel b").first().waitFor();
        places.update = new URL(page.url()).pathname;
        await shoot(page, `story-update-${lang}`);
        const named = page.locator('.causes a.cause-title[href*="0xc0000102"]');
        const cause =
          hasFounding && (await named.count()) > 0
            ? named.first()
            : page.locator(".causes a.cause-title").first();
        await cause.click();
        await page.waitForURL(/\/causes\/[^/]+$/);
        // Those that fail, not their healthy twins.
        const pcs = page
          .locator("section", { has: page.locator('.aside a[href*="cause="]') })
          .locator("table.endpoints tbody th a");
        await pcs.first().waitFor();
        places.cause = new URL(page.url()).pathname;
        assert(
          (await page.locator(".advice li, .advice p").count()) > 0,
          "the cause says what to do",
        );
        await shoot(page, `story-cause-${lang}`);
        await pcs.first().click();
        await page.waitForURL(/\/endpoints\/[^/?]+$/);
        await page.locator(".finding").first().waitFor();
        await shoot(page, `story-pc-${lang}`);
        await page
          .locator('.finding header a[href*="/attempts/"], .attempts tbody a')
          .first()
          .click();
        await page.waitForURL(/\/attempts\/[^/]+$/);
        const record = page.locator(".rung.origin .to-record").first();
        await record.waitFor();
        places.attempt = new URL(page.url()).pathname;
        // What is said to the user stands in both languages, whichever the page speaks.
        await page.locator(".case-buttons button").last().click();
        const told = await texts(page.locator(".tell > div > p"));
        assert(
          told.length === 2 &&
            told.some((text) => /[\u4e00-\u9fff]/.test(text)) &&
            told.some((text) => text.startsWith("The update")),
          `told: ${told.join(" | ")}`,
        );
        for (const details of await page.locator("main details").all())
          await details.evaluate((element) => (element.open = true));
        await axe(page, "an attempt with all that it folds away");
        await shoot(page, `story-attempt-${lang}`);
        const origin = (
          await page.locator(".rung.origin .rung-text").first().textContent()
        ).slice(0, 40);
        await record.click();
        await page.waitForURL(/\/records\?/);
        await page.locator(".record.target").waitFor();
        assert(
          (await page.locator(".record.target").textContent()).includes(origin),
          `the record is not the origin: ${origin}`,
        );
        await page.goBack();
        await page.locator('.case-buttons a[href*="/report"]').click();
        await page.waitForURL(/\/report\?attempt=/);
        await page.locator(".paper").waitFor();
        places.report = page.url().slice(new URL(page.url()).origin.length);
        assert(
          (await texts(page.locator(".paper h2"))).join() ===
            TITLES[lang].join(),
          "the report has its three parts",
        );
        await page.locator(".report-fields input").first().fill("SR-1 <b>x</b>");
        await page.locator(".paper dd", { hasText: "SR-1 <b>x</b>" }).waitFor();
        const [download] = await Promise.all([
          page.waitForEvent("download"),
          page.locator(".report-inputs button", { hasText: ".html" }).click(),
        ]);
        let html = "";
        for await (const part of await download.createReadStream())
          html += part;
        assert(
          html.includes("SR-1 &lt;b&gt;x&lt;/b&gt;") &&
            TITLES[lang].every((title) => html.includes(`<h2>${title}</h2>`)),
          "the file is not the report",
        );
        await page.reload();
        await page.locator(".paper dd", { hasText: "SR-1" }).waitFor();
        await shoot(page, `story-report-${lang}`);
        assert(page.complaints.length === 0, page.complaints.join("\n"));
      },
    );
    await page.context().close();
  }

  const page = await open({ locale: "en-US", colorScheme: "light" });

  await check("an alert's address is two clicks from the record", async () => {
    await go(page, "/alerts?lang=en");
    const firing = page.locator('.alerts a[href*="/attempts/"]').first();
    let clicks = 0;
    // A fleet that nothing fires in still has the address that an alert would carry.
    if ((await firing.count()) > 0) {
      await firing.click();
      clicks += 1;
    } else await go(page, places.attempt);
    await page.locator(".rung.origin .to-record").first().click();
    clicks += 1;
    await page.locator(".record.target").waitFor();
    assert(clicks <= 2, `${clicks} clicks`);
  });

  await check(
    "the search box suggests by kind, and the keyboard goes there",
    async () => {
      await go(page, "/endpoints?state=failing");
      const name = await page
        .locator("table.endpoints tbody th a")
        .first()
        .innerText();
      await page.keyboard.press("/");
      await page.keyboard.type(name);
      const options = page.locator('.suggestions [role="option"]');
      await options.first().waitFor();
      await axe(page, "suggestions");
      await shoot(page, "suggestions");
      await page.keyboard.press("ArrowDown");
      assert(
        (await page
          .locator('.suggestions [aria-selected="true"]')
          .innerText()) !== "",
        "no suggestion is chosen",
      );
      await page.keyboard.press("Enter");
      await page.waitForURL(/\/endpoints\/[^/?]+$/);
      await page.keyboard.press("Control+k");
      await page.keyboard.type("no such thing anywhere");
      await page.keyboard.press("Enter");
      await page.waitForURL(/\/search\?q=/);
      await page.locator(".note").waitFor();
    },
  );

  await check("going back finds the list where it was left", async () => {
    await go(page, "/endpoints?sort=last_seen");
    const row = page.locator("table.endpoints tbody th a").nth(20);
    await row.scrollIntoViewIfNeeded();
    const before = await page.evaluate(() => scrollY);
    assert(before > 0, "the list is too short to scroll");
    await row.click();
    await page.waitForURL(/\/endpoints\/[^/?]+$/);
    await page.locator(".headline h1").waitFor();
    assert((await page.evaluate(() => scrollY)) === 0, "a page begins at its top");
    await page.goBack();
    await page.waitForFunction(
      (wanted) => Math.abs(scrollY - wanted) <= 1,
      before,
    );
    assert(page.url().endsWith("?sort=last_seen"), page.url());
  });

  await check("figures say how old they are, and can be paused", async () => {
    await go(page, "/?lang=en");
    const pause = page.locator("button.pause");
    await page.locator("button.pause .age").waitFor();
    await pause.click();
    await page.locator('button.pause[aria-pressed="true"]').waitFor();
    assert(
      /Paused · \d\d:\d\d/.test(await pause.innerText()),
      await pause.innerText(),
    );
    await pause.click();
  });

  await check("a screen on a wall shows figures alone", async () => {
    const wall = await open({ viewport: { width: 1920, height: 1080 } });
    await go(wall, "/?kiosk=1");
    await wall.locator(".totals").waitFor();
    assert(!(await wall.locator("header.top").isVisible()), "the head is shown");
    await shoot(wall, "kiosk");
    await wall.context().close();
  });

  await check("the first page needs little script", async () => {
    const first = await open();
    const scripts = [];
    first.on("response", (response) => {
      const { pathname } = new URL(response.url());
      if (pathname.endsWith(".js")) scripts.push(response.body());
    });
    await go(first, "/");
    await first.locator(".chart .bar").first().waitFor({ state: "attached" });
    const needed = (await Promise.all(scripts))
      .map((body) => gzipSync(body).length)
      .reduce((sum, size) => sum + size, 0);
    console.log(`        ${needed} bytes of script, compressed`);
    assert(
      needed > 0 && needed < FIRST_SCRIPT_MAX,
      `${needed} bytes of script, compressed`,
    );
    await first.context().close();
  });

  if (hostile) {
    await check("a hostile name stays text in the report", async () => {
      await go(page, `/endpoints/${encodeURIComponent(hostile)}/report`);
      await page.locator(".paper .mark").first().waitFor();
      const markup = await page
        .locator(".paper script, .paper img, .paper iframe")
        .count();
      assert(markup === 0, "markup came from data");
    });
  }
  assert(page.complaints.length === 0, page.complaints.join("\n"));
  await page.context().close();
}
