import { expect, test } from "vitest";
import { colourVariable, coloursOf } from "./categories";
import { MESSAGES, pickLang, word } from "./i18n";

test("the language comes from the address, then the last choice, then the browser", () => {
  expect(pickLang("?lang=zh", "en", ["en-US"])).toBe("zh");
  expect(pickLang("", "zh", ["en-US"])).toBe("zh");
  expect(pickLang("?lang=tlh", null, ["fr-FR", "zh-TW", "en"])).toBe("zh");
  expect(pickLang("", "nonsense", ["fr-FR"])).toBe("en");
});

test("no text is empty, and no Chinese text was left in English", () => {
  // Names that are the same in both languages.
  const same = new Set(["UTC", "KB", "HRESULT", "NTSTATUS", "Win32", "ReportingEvents"]);
  const walk = (en: unknown, zh: unknown, path: string) => {
    if (typeof en === "string") {
      expect(en, path).not.toBe("");
      expect(zh, path).not.toBe("");
      if (!same.has(en)) expect(zh, path).not.toBe(en);
    } else if (typeof en === "object" && en !== null) {
      expect(Object.keys(zh as object).sort(), path).toEqual(Object.keys(en).sort());
      for (const [key, value] of Object.entries(en))
        walk(value, (zh as Record<string, unknown>)[key], `${path}.${key}`);
    }
  };
  const { other: _otherEn, otherHint: _hintEn, ...en } = MESSAGES.en;
  const { other: _otherZh, otherHint: _hintZh, ...zh } = MESSAGES.zh;
  walk(en, zh, "");
});

test("counted words are right for one and for many", () => {
  expect(MESSAGES.en.overview.endpointsCount(1)).toBe("1 PC");
  expect(MESSAGES.en.overview.endpointsCount(1200)).toBe("1,200 PCs");
  expect(MESSAGES.zh.overview.endpointsCount(3)).toBe("3 台电脑");
});

test("Chinese stands between full-width brackets and commas", () => {
  const walk = (text: unknown, path: string) => {
    if (typeof text === "string") expect(text, path).not.toMatch(/[\u4e00-\u9fff] ?[(),;]|[(),;] ?[\u4e00-\u9fff]/);
    else if (typeof text === "function") walk((text as (...values: number[]) => string)(2, 1, 3), path);
    else for (const [key, value] of Object.entries(text as object)) walk(value, `${path}.${key}`);
  };
  walk(MESSAGES.zh, "");
});

test("no two categories of a legend are alike, and what it leaves out has a colour of its own", () => {
  const legend = ["psfx_base_missing", "component_store_corrupt", "repair_source_missing", "network_dns", "network"];
  const colours = coloursOf(legend);
  expect(new Set([...legend, "disk_full"].map(colours)).size).toBe(legend.length + 1);
  expect(coloursOf(null)("disk_full")).toBe(colourVariable("disk_full"));
});

test("every category has a label, a family and a colour; unknown ones keep their name", () => {
  for (const category of Object.keys(MESSAGES.en.categories)) {
    expect(colourVariable(category)).toMatch(/^--cat-[a-z]+-[012]$/);
    const unranked = ["unclassified", "not_servicing", "known_false_positive", "log_maintenance", "edition"];
    expect(colourVariable(category).startsWith("--cat-other-"), category).toBe(unranked.includes(category));
  }
  expect(word(MESSAGES.zh.categories, "brand_new")).toBe("brand new");
  expect(colourVariable("brand_new")).toBe("--cat-other-1");
});
