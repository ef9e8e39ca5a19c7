// Every word on the pages, in English.

import { count } from "../format";
import { audit } from "./en-audit";
import { casework } from "./en-case";
import { files } from "./en-files";
import { fleet } from "./en-fleet";
import { machine } from "./en-machine";
import { names } from "./en-names";
import { sections } from "./en-sections";
import { system } from "./en-system";

const n = (value: number) => count("en", value);

export const en = {
  other: "中文",
  otherHint: "切换到中文",
  skip: "Skip to content",
  status: {
    lastLog: (age: string) => `last log ${age} ago`,
    noLog: "no log yet",
    behind: (age: string) => `Analysis is ${age} behind`,
    behindHint: "Attempts and causes of the newest logs are still being worked out; the figures move.",
    fileSystemFull: "The file system is full.",
    fileSystemFullHint:
      "No logs are taken until there is space; nothing that was acknowledged is lost, and senders try again. Free some space on the disk of store.data.",
    full: "The disk bound is reached.",
    fullHint:
      "The oldest raw text is being deleted to make room; events, attempts and findings stay. Raise store.max_disk to keep more.",
    diskFull: "Disk full",
    unreachable: "Not connected",
  },
  common: {
    loading: "Loading",
    retry: "Try again",
    copy: "Copy",
    copied: "Copied",
    unknown: "unknown",
    utc: "UTC",
    local: "local",
    utcUnknown: "UTC unknown",
    notFound: "There is no such page",
    notFoundHint: "Start from Today, or search for a code, a KB or a PC.",
    toOverview: "To Today",
    narrow: (what: string) => `Show only ${what}`,
    opensRecord: "Open in the log",
    of: (part: string, whole: string) => `${part} of ${whole}`,
    noise: "harmless",
    asOf: (clock: string) => `These figures are as of ${clock}: no newer ones have come.`,
    hint: "Hint:",
    both: (first: string, second: string) => `${first}. ${second}`.trimEnd(),
  },
  pager: {
    label: (list: string) => `Pages of ${list}`,
    shown: (first: number, last: number, total: number) =>
      last < first ? `none of ${n(total)}` : `${n(first)}–${n(last)} of ${n(total)}`,
    previous: "Previous",
    next: "Next",
  },
  marks: {
    control: (name: string) => `Control character ${name}, shown as a mark`,
    direction: (name: string) => `Direction control ${name}, shown as a mark`,
    invisible: (name: string) => `Invisible character ${name}, shown as a mark`,
  },
  error: {
    unreachable: "cbsift does not answer",
    unreachableHint: "The page tries again by itself. Check that `cbsift up` is still running on this address.",
    title: "This could not be loaded",
    gone: "This is not known here",
    broken: "This page could not be shown",
    brokenHint: "A newer cbsift may have started since it was opened.",
    reload: "Load the page again",
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

/** The shape of a language: the same keys, any texts. */
export type Messages = typeof en;
