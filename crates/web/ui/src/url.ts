// Addresses: every view and every filter is in the address, so that a link shows what its sender saw.

import { LIST_NAMES, type ListName, PC_STATES, type PcState } from "./api";
import { searchable } from "./visible";

export interface Filters {
  from?: string;
  to?: string;
  kb?: string;
  category?: string;
  /** The id of a cause: its rule or category, `~`, its code. */
  cause?: string;
  code?: string;
  endpoint?: string;
  /** `ring:pilot`, each label of it once. */
  labels?: string[];
  /** A label that the overview is grouped by; other pages have no use for it. */
  by?: string;
}

/** Filters of one value each, in the order their chips are shown. */
export const FILTER_KEYS = ["from", "to", "kb", "category", "cause", "code", "endpoint"] as const;
export type FilterKey = (typeof FILTER_KEYS)[number];

/** What the list of endpoints can be narrowed to: a PC's state, or one of two things that stand beside it. */
export const LIST_STATES = [...PC_STATES, "silent", "clock_ahead", "cloned"] as const;
export type ListState = PcState | "silent" | "clock_ahead" | "cloned";

/** Orders of the list; the first is what it has without being asked. */
export const SORTS = ["name", "failed", "last_failure", "last_seen"] as const;
export type Sort = (typeof SORTS)[number];

/** A view of the list of endpoints. */
export interface ListView {
  filters: Filters;
  q: string;
  state: ListState | null;
  sort: Sort;
  /** Where the page starts, as the page before it said, and how many rows stand before it. */
  after: string;
  before: number;
}

/** States that a list of causes can be narrowed to. */
export const CAUSE_STATES = ["new", "back", "growing", "steady", "shrinking", "gone", "noted"] as const;
export type CauseState = (typeof CAUSE_STATES)[number];

/** A view of the list of updates or of causes; only causes have states. */
export interface SectionView {
  filters: Filters;
  q: string;
  state: CauseState | null;
  after: string;
  before: number;
}

export type Route =
  | { page: "overview"; filters: Filters }
  | { page: "updates" | "causes"; view: SectionView }
  | { page: "update"; kb: string; filters: Filters }
  | { page: "cause"; id: string; filters: Filters }
  | { page: "attempt"; id: string; attempt: string }
  | { page: "report"; id: string; attempt: string | null }
  | { page: "search"; q: string }
  | { page: "unexplained" | "coverage"; filters: Filters }
  | { page: "alerts" | "system" }
  | { page: "audit"; after: string }
  | { page: "endpoints"; view: ListView }
  | { page: "endpoint"; id: string; places: Places }
  | { page: "records"; id: string; stream: string; offset: number }
  | { page: "code"; code: string }
  | { page: "unknown" };

/** Where the page of each list of an endpoint starts; without a place, at its beginning. */
export type Places = { [list in ListName]?: string };

const PLACE = /^-?\d+(\.-?\d+)*$/;

const DAY = /^\d{4}-\d{2}-\d{2}$/;

const LABEL_NAME = /^[a-z][a-z0-9_-]{0,31}$/;
const LABEL = /^[a-z][a-z0-9_-]{0,31}:./;
/** As many as the server takes. */
const LABELS_MAX = 8;

/** Reads filters from a query; what is no filter, empty or no day is left out. */
export function filtersOf(search: string): Filters {
  const query = new URLSearchParams(search);
  const filters: Filters = {};
  for (const key of FILTER_KEYS) {
    const value = query.get(key)?.trim();
    if (!value) continue;
    if ((key === "from" || key === "to") && !DAY.test(value)) continue;
    filters[key] = key === "code" ? value.toLowerCase() : value;
  }
  const labels = query.getAll("label").filter((label) => LABEL.test(label));
  if (labels.length > 0) filters.labels = [...new Set(labels)].slice(0, LABELS_MAX);
  const by = query.get("by");
  if (by && LABEL_NAME.test(by)) filters.by = by;
  return filters;
}

/** The query of filters with its question mark, or nothing. */
export function queryOf(filters: Filters): string {
  const query = new URLSearchParams();
  for (const key of FILTER_KEYS) {
    const value = filters[key];
    if (value) query.set(key, value);
  }
  for (const label of filters.labels ?? []) query.append("label", label);
  if (filters.by) query.set("by", filters.by);
  return marked(query);
}

/** The filters without some keys. */
export function without(filters: Filters, ...keys: (keyof Filters)[]): Filters {
  const rest = { ...filters };
  for (const key of keys) delete rest[key];
  return rest;
}

/** The filters with a value, or without it where they have it already: a second click on a name widens again. */
export function toggled(filters: Filters, key: FilterKey, value: string): Filters {
  return filters[key] === value ? without(filters, key) : { ...filters, [key]: value };
}

/** The filters with a value of a label in place of another one; an empty value takes the label away. */
export function withLabel(filters: Filters, label: string, value: string): Filters {
  const others = (filters.labels ?? []).filter((other) => labelOf(other)[0] !== label);
  const labels = value ? [...others, `${label}:${value}`] : others;
  return labels.length > 0 ? { ...filters, labels } : without(filters, "labels");
}

/** The label and the value of `ring:pilot`; a value may hold a colon, a label none. */
export function labelOf(text: string): [label: string, value: string] {
  const at = text.indexOf(":");
  return [text.slice(0, at), text.slice(at + 1)];
}

/** What an address shows. */
export function routeOf(pathname: string, search: string): Route {
  const parts = pathname.split("/").filter(Boolean).map(decode);
  const query = new URLSearchParams(search);
  if (parts.length === 0) return { page: "overview", filters: filtersOf(search) };
  if (parts[0] === "endpoints" && parts.length === 1) {
    return { page: "endpoints", view: listViewOf(search) };
  }
  if (parts[0] === "endpoints" && parts.length === 2) {
    return { page: "endpoint", id: parts[1]!, places: placesOf(query) };
  }
  if (parts[0] === "endpoints" && parts.length === 3 && parts[2] === "records") {
    const offset = Number(query.get("offset") ?? "0");
    return {
      page: "records",
      id: parts[1]!,
      stream: query.get("stream") ?? "",
      offset: Number.isSafeInteger(offset) && offset >= 0 ? offset : 0,
    };
  }
  if (parts[0] === "endpoints" && parts.length === 3 && parts[2] === "report") {
    return { page: "report", id: parts[1]!, attempt: query.get("attempt") || null };
  }
  if (parts[0] === "endpoints" && parts.length === 4 && parts[2] === "attempts") {
    return { page: "attempt", id: parts[1]!, attempt: parts[3]! };
  }
  if ((parts[0] === "updates" || parts[0] === "causes") && parts.length === 1) {
    return { page: parts[0], view: sectionViewOf(search) };
  }
  if (parts[0] === "updates" && parts.length === 2) {
    return { page: "update", kb: parts[1]!.toUpperCase(), filters: without(filtersOf(search), "kb") };
  }
  if (parts[0] === "causes" && parts.length === 2) {
    return { page: "cause", id: parts[1]!, filters: without(filtersOf(search), "cause", "by") };
  }
  if (parts.length === 1 && (parts[0] === "unexplained" || parts[0] === "coverage")) {
    return { page: parts[0], filters: without(filtersOf(search), "by") };
  }
  if (parts.length === 1 && (parts[0] === "alerts" || parts[0] === "system")) return { page: parts[0] };
  if (parts[0] === "audit" && parts.length === 1) return { page: "audit", after: query.get("after") ?? "" };
  if (parts[0] === "search" && parts.length === 1)
    return { page: "search", q: searchable(query.get("q") ?? "").trim() };
  if (parts[0] === "codes" && parts.length === 2) return { page: "code", code: parts[1]!.toLowerCase() };
  return { page: "unknown" };
}

/** An address of these pages: browsers drop tabs and newlines, and take `//` and `/\\` for the start of another host. */
export const isOwn = (address: string): boolean => /^\/(?![/\\])/.test(address.replace(/[\t\n\r]/g, ""));

export const overviewUrl = (filters: Filters = {}) => `/${queryOf(filters)}`;
export const endpointUrl = (id: string, places: Places = {}) =>
  `/endpoints/${encodeURIComponent(id)}${queryOfPlaces(places)}` as const;
/** Where the API has a list of an endpoint as files, below `/api/v1/`. */
export const listPath = (id: string, list: "attempts" | "findings" | "codes" | "logs") =>
  `endpoints/${encodeURIComponent(id)}/${list}`;
export const codeUrl = (code: string) => `/codes/${encodeURIComponent(code)}`;
export const recordUrl = (id: string, stream: string, offset: number) =>
  `${endpointUrl(id)}/records?stream=${encodeURIComponent(stream)}&offset=${offset}`;
/** A log as a file, from its beginning. */
export const logFileUrl = (id: string, stream: string) =>
  `/api/v1/endpoints/${encodeURIComponent(id)}/log?stream=${encodeURIComponent(stream)}`;

export const attemptUrl = (id: string, attempt: string) =>
  `${endpointUrl(id)}/attempts/${encodeURIComponent(attempt)}` as const;
export const reportUrl = (id: string, attempt: string | null) =>
  `${endpointUrl(id)}/report${attempt === null ? "" : `?attempt=${encodeURIComponent(attempt)}`}`;
/** A page of the audit, for the reader and for the API alike. */
export const auditUrl = (after = "") => `/audit${after === "" ? "" : `?after=${encodeURIComponent(after)}`}` as const;
export const searchUrl = (q: string) => `/search?q=${encodeURIComponent(searchable(q).trim())}`;

/** The page of an update or a cause keeps the days and the labels, which are what a reader chose on the page before. */
export const updateUrl = (kb: string, filters: Filters = {}) =>
  `/updates/${encodeURIComponent(kb)}${queryOf(without(filters, "kb"))}` as const;
export const causeUrl = (id: string, filters: Filters = {}) =>
  `/causes/${encodeURIComponent(id)}${queryOf(without(filters, "cause", "by"))}` as const;
export const sectionUrl = (section: "updates" | "causes", view: Partial<SectionView> = {}) =>
  `/${section}${sectionQuery(view)}`;

/** The query of a view of updates or causes, for the page and for the API alike. */
export function sectionQuery(view: Partial<SectionView>, limit?: number): string {
  const query = new URLSearchParams(queryOf(without(view.filters ?? {}, "by")));
  if (view.q) query.set("q", view.q);
  if (view.state) query.set("state", view.state);
  if (view.after) query.set("after", view.after);
  if (limit !== undefined) query.set("limit", String(limit));
  else if (view.after && view.before) query.set("before", String(view.before));
  return marked(query);
}

function sectionViewOf(search: string): SectionView {
  const query = new URLSearchParams(search);
  return {
    filters: without(filtersOf(search), "by"),
    q: searchable(query.get("q") ?? ""),
    state: CAUSE_STATES.find((known) => known === query.get("state")) ?? null,
    after: query.get("after") ?? "",
    before: beforeOf(query),
  };
}

export const endpointsUrl = (view: Partial<ListView> = {}) => `/endpoints${listQuery(view)}`;

/** The query of a view of the list, for the page and for the API alike; what is as without being asked is left out. */
export function listQuery(view: Partial<ListView>, limit?: number): string {
  const query = new URLSearchParams(queryOf(without(view.filters ?? {}, "by")));
  if (view.q) query.set("q", view.q);
  if (view.state) query.set("state", view.state);
  if (view.sort && (limit !== undefined || view.sort !== SORTS[0])) query.set("sort", view.sort);
  if (view.after) query.set("after", view.after);
  if (limit !== undefined) query.set("limit", String(limit));
  else if (view.after && view.before) query.set("before", String(view.before));
  return marked(query);
}

function listViewOf(search: string): ListView {
  const query = new URLSearchParams(search);
  const state = query.get("failing") === "1" ? "failing" : query.get("state");
  return {
    filters: without(filtersOf(search), "by"),
    q: searchable(query.get("q") ?? ""),
    state: LIST_STATES.find((known) => known === state) ?? null,
    sort: SORTS.find((known) => known === query.get("sort")) ?? SORTS[0],
    after: query.get("after") ?? "",
    before: beforeOf(query),
  };
}

/** Rows that stand before a page, as the page before it said. */
function beforeOf(query: URLSearchParams): number {
  const before = Number(query.get("before") ?? "0");
  return Number.isSafeInteger(before) && before > 0 ? before : 0;
}

function placesOf(query: URLSearchParams): Places {
  const places: Places = {};
  for (const list of LIST_NAMES) {
    const place = query.get(list);
    if (place && PLACE.test(place)) places[list] = place;
  }
  return places;
}

function queryOfPlaces(places: Places): string {
  const query = new URLSearchParams();
  for (const list of LIST_NAMES) if (places[list]) query.set(list, places[list]);
  return marked(query);
}

function marked(query: URLSearchParams): string {
  const text = query.toString();
  return text ? `?${text}` : "";
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
