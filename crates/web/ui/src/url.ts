// Addresses: every view and every filter is in the address, so that a link shows what its sender saw.

import { LIST_NAMES, type ListName } from "./api";
import { searchable } from "./visible";

export interface Filters {
  from?: string;
  to?: string;
  kb?: string;
  category?: string;
  code?: string;
  endpoint?: string;
  /** `ring:pilot`, each of them. */
  labels?: string[];
  /** A label to group by. */
  by?: string;
}

/** Filters in the order their chips are shown. */
export const FILTER_KEYS = ["from", "to", "kb", "category", "code", "endpoint"] as const;

const LABEL_NAME = /^[a-z][a-z0-9_-]{0,31}$/;
const LABEL = /^[a-z][a-z0-9_-]{0,31}:./;
/** As many as the server takes. */
const LABELS_MAX = 8;

export type Route =
  | { page: "overview"; filters: Filters }
  | { page: "endpoints"; q: string; failing: boolean; labels: string[] }
  | { page: "endpoint"; id: string; places: Places }
  | { page: "records"; id: string; stream: string; offset: number }
  | { page: "code"; code: string }
  | { page: "unknown" };

/** Where the page of each list of an endpoint starts; without a place, at its beginning. */
export type Places = { [list in ListName]?: string };

const PLACE = /^-?\d+(\.-?\d+)*$/;

const DAY = /^\d{4}-\d{2}-\d{2}$/;

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
  const labels = labelsOf(query);
  if (labels.length > 0) filters.labels = labels;
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
  const text = query.toString();
  return text ? `?${text}` : "";
}

/** Labels that a query names, each once; what is none is left out. */
export function labelsOf(query: URLSearchParams): string[] {
  const labels = query.getAll("label").filter((label) => LABEL.test(label));
  return [...new Set(labels)].slice(0, LABELS_MAX);
}

/** Labels with another value of one of them, or without it. */
export function withLabel(labels: string[], label: string, value: string): string[] {
  const others = labels.filter((other) => !other.startsWith(`${label}:`));
  return value ? [...others, `${label}:${value}`] : others;
}

/** What an address shows. */
export function routeOf(pathname: string, search: string): Route {
  const parts = pathname.split("/").filter(Boolean).map(decode);
  const query = new URLSearchParams(search);
  if (parts.length === 0) return { page: "overview", filters: filtersOf(search) };
  if (parts[0] === "endpoints" && parts.length === 1) {
    return {
      page: "endpoints",
      q: searchable(query.get("q") ?? ""),
      failing: query.get("failing") === "1",
      labels: labelsOf(query),
    };
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
  if (parts[0] === "codes" && parts.length === 2) return { page: "code", code: parts[1]!.toLowerCase() };
  return { page: "unknown" };
}

export const overviewUrl = (filters: Filters = {}) => `/${queryOf(filters)}`;
export const endpointUrl = (id: string, places: Places = {}) =>
  `/endpoints/${encodeURIComponent(id)}${queryOfPlaces(places)}`;
export const codeUrl = (code: string) => `/codes/${encodeURIComponent(code)}`;
export const recordUrl = (id: string, stream: string, offset: number) =>
  `${endpointUrl(id)}/records?stream=${encodeURIComponent(stream)}&offset=${offset}`;

export function endpointsUrl(q: string, failing: boolean, labels: string[] = []): string {
  const query = new URLSearchParams();
  if (q) query.set("q", q);
  if (failing) query.set("failing", "1");
  for (const label of labels) query.append("label", label);
  const text = query.toString();
  return text ? `/endpoints?${text}` : "/endpoints";
}

/** Where the search box leads: a code, a KB, else endpoints by name. */
export function searchUrl(text: string): string {
  const wanted = searchable(text).trim();
  if (/^(0x)?[0-9a-f]{8}$/i.test(wanted) && /^(0x|[89acd])/i.test(wanted)) {
    return codeUrl(`0x${wanted.replace(/^0x/i, "").toLowerCase()}`);
  }
  if (/^[a-z]+(_[a-z0-9]+)+$/i.test(wanted)) return codeUrl(wanted.toUpperCase());
  if (/^kb\d{6,8}$/i.test(wanted)) return overviewUrl({ kb: wanted.toUpperCase() });
  return endpointsUrl(wanted, false);
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
