// The languages of the pages. The texts stand in `i18n/`; Chinese has the type of English: a missing text does not compile.

import { createContext, useContext } from "react";
import { type Messages, en } from "./i18n/en";
import { zh } from "./i18n/zh";
import { visible } from "./visible";

export type { Messages };
export type Lang = "en" | "zh";
export const LANGS: readonly Lang[] = ["en", "zh"];

export const MESSAGES: Record<Lang, Messages> = { en, zh };

/** What a language is to browsers. */
export const tagOf = (lang: Lang): string => (lang === "zh" ? "zh-CN" : "en");

/** The language to begin with: the address, then the last choice, then the browser. */
export function pickLang(search: string, stored: string | null, browser: readonly string[]): Lang {
  const asked = new URLSearchParams(search).get("lang");
  for (const tag of [asked, stored, ...browser]) {
    const lang = tag?.slice(0, 2).toLowerCase();
    if (lang === "en" || lang === "zh") return lang;
  }
  return "en";
}

/** A word for a name the server sent, or the name itself: a newer server may know more names than this page. */
export function word(words: Record<string, string>, name: string): string {
  return words[name] ?? visible(name.replaceAll("_", " "));
}

export const LangContext = createContext<Lang>("en");

export function useLang(): { lang: Lang; t: Messages } {
  const lang = useContext(LangContext);
  return { lang, t: MESSAGES[lang] };
}
