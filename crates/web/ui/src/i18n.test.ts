import { expect, test } from "vitest";
import { colourVariable, familyOf } from "./categories";
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
  const { name: _en, other: _otherEn, otherHint: _hintEn, ...en } = MESSAGES.en;
  const { name: _zh, other: _otherZh, otherHint: _hintZh, ...zh } = MESSAGES.zh;
  walk(en, zh, "");
});

test("counted words are right for one and for many", () => {
  expect(MESSAGES.en.overview.endpointsCount(1)).toBe("1 endpoint");
  expect(MESSAGES.en.overview.endpointsCount(1200)).toBe("1,200 endpoints");
  expect(MESSAGES.zh.overview.failing(3, 240)).toBe("240 台终端中有 3 台存在故障");
});

test("every category has a label, a family and a colour; unknown ones keep their name", () => {
  for (const category of Object.keys(MESSAGES.en.categories)) {
    expect(colourVariable(category)).toMatch(/^--cat-[a-z]+-[012]$/);
    const unranked = ["unclassified", "not_servicing", "known_false_positive", "log_maintenance", "edition"];
    expect(familyOf(category) === "other", category).toBe(unranked.includes(category));
  }
  expect(word(MESSAGES.zh.categories, "brand_new")).toBe("brand new");
  expect(colourVariable("brand_new")).toBe("--cat-other-1");
});
