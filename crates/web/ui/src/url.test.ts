import { expect, test } from "vitest";
import {
  attemptUrl,
  causeUrl,
  endpointUrl,
  endpointsUrl,
  filtersOf,
  isOwn,
  labelOf,
  listQuery,
  overviewUrl,
  queryOf,
  recordUrl,
  reportUrl,
  routeOf,
  searchUrl,
  sectionUrl,
  toggled,
  updateUrl,
  withLabel,
} from "./url";

test("filters survive the way through an address", () => {
  const filters = {
    from: "2022-08-01",
    to: "2022-08-30",
    kb: "KB5016616",
    category: "network_dns",
    cause: "dns~0x8024402c",
    code: "0x8024402c",
    endpoint: "a b&c=d/e",
    labels: ["ring:pilot", "site:上海, 浦东: A"],
    by: "site",
  };
  expect(filtersOf(queryOf(filters))).toEqual(filters);
  expect(queryOf({})).toBe("");
  expect(overviewUrl()).toBe("/");
});

test("what is no filter is left out", () => {
  expect(filtersOf("?from=yesterday&kb=&utm=1&code=0xC0000102&lang=zh")).toEqual({ code: "0xc0000102" });
});

test("labels are named each once, and one takes the place of another", () => {
  expect(filtersOf("?label=ring:pilot&label=ring:pilot&label=Ring:x&label=ring:&label=x&by=A")).toEqual({
    labels: ["ring:pilot"],
  });
  expect(filtersOf("?by=A&label=x")).toEqual({});
  const nine = Array.from({ length: 9 }, (_, at) => `label=l${at}:x`).join("&");
  expect(filtersOf(`?${nine}`).labels).toHaveLength(8);
  expect(labelOf("site:上海, 浦东: A")).toEqual(["site", "上海, 浦东: A"]);
  const two = { kb: "KB1", labels: ["ring:pilot", "site:A"] };
  expect(withLabel(two, "ring", "broad")).toEqual({ kb: "KB1", labels: ["site:A", "ring:broad"] });
  expect(withLabel(withLabel(two, "ring", ""), "site", "")).toEqual({ kb: "KB1" });
});

test("the list of endpoints keeps the labels of the overview, and leaves its grouping behind", () => {
  const filters = { labels: ["ring:pilot", "site:上海"], by: "model" };
  const list = new URL(endpointsUrl({ filters, state: "failing" }), "http://x");
  expect(list.search).toBe("?label=ring%3Apilot&label=site%3A%E4%B8%8A%E6%B5%B7&state=failing");
  expect(routeOf(list.pathname, `${list.search}&by=model`)).toMatchObject({
    view: { filters: { labels: filters.labels }, state: "failing" },
  });
  expect(routeOf(list.pathname, "?by=model")).toMatchObject({ view: { filters: {} } });
  expect(listQuery({ filters }, 50)).toBe("?label=ring%3Apilot&label=site%3A%E4%B8%8A%E6%B5%B7&limit=50");
});

test("each view has an address that leads back to it", () => {
  const odd = "PC 7/ü%&?#";
  expect(routeOf(endpointUrl(odd), "")).toEqual({ page: "endpoint", id: odd, places: {} });
  const places = { attempts: "-1660838022.-202208.-17", codes: "100" };
  const page = new URL(endpointUrl(odd, places), "http://x");
  expect(routeOf(page.pathname, page.search)).toEqual({ page: "endpoint", id: odd, places });
  expect(routeOf(endpointUrl(odd), "?attempts=x&codes=&findings=1.")).toEqual({
    page: "endpoint",
    id: odd,
    places: {},
  });
  const record = new URL(recordUrl(odd, "00000000c0ffee01", 17_508), "http://x");
  expect(routeOf(record.pathname, record.search)).toEqual({
    page: "records",
    id: odd,
    stream: "00000000c0ffee01",
    offset: 17_508,
  });
  expect(routeOf("/", "?kb=KB1")).toEqual({ page: "overview", filters: { kb: "KB1" } });
  const view = {
    filters: { kb: "KB5016616", cause: "psfx_missing~0x800f0984" },
    q: "sh",
    state: "silent" as const,
    sort: "last_failure" as const,
    after: "PC 7/ü",
    before: 50,
  };
  const list = new URL(endpointsUrl(view), "http://x");
  expect(routeOf(list.pathname, list.search)).toEqual({ page: "endpoints", view });
  const plain = { filters: {}, q: "sh", state: null, sort: "name", after: "", before: 0 };
  expect(routeOf("/endpoints", "?q=%E2%80%AEsh%00&state=x&sort=y&before=-3")).toEqual({
    page: "endpoints",
    view: plain,
  });
  // A link of before lists could be narrowed to states.
  expect(routeOf("/endpoints", "?q=sh&failing=1")).toEqual({ page: "endpoints", view: { ...plain, state: "failing" } });
  expect(routeOf("/codes/0xC0000102", "")).toEqual({ page: "code", code: "0xc0000102" });
  expect(routeOf("/elsewhere", "")).toEqual({ page: "unknown" });
  expect(routeOf("/endpoints/%E0%A4%A", "")).toEqual({ page: "endpoint", id: "%E0%A4%A", places: {} });
});

test("an offset that is none becomes the start", () => {
  for (const offset of ["-1", "x", "1e99"]) {
    expect(routeOf("/endpoints/a/records", `?stream=1&offset=${offset}`)).toMatchObject({ offset: 0 });
  }
});

test("pages of updates, causes, attempts and reports have addresses that lead back to them", () => {
  const odd = "PC 7/ü%&?#";
  const at = (url: string) => {
    const { pathname, search } = new URL(url, "http://x");
    return routeOf(pathname, search);
  };
  expect(at(attemptUrl(odd, "00af~1"))).toEqual({ page: "attempt", id: odd, attempt: "00af~1" });
  expect(at(reportUrl(odd, "00af"))).toEqual({ page: "report", id: odd, attempt: "00af" });
  expect(at(reportUrl(odd, null))).toEqual({ page: "report", id: odd, attempt: null });
  const filters = { from: "2022-08-01", labels: ["ring:pilot"] };
  expect(at(updateUrl("KB5016616", { ...filters, kb: "KB1" }))).toEqual({ page: "update", kb: "KB5016616", filters });
  const cause = "unclassified~";
  expect(at(causeUrl(cause, { ...filters, cause: "x~" }))).toEqual({ page: "cause", id: cause, filters });
  const view = { filters, q: "disk", state: "new" as const, after: "20", before: 50 };
  expect(at(sectionUrl("causes", view))).toEqual({ page: "causes", view });
  expect(at(searchUrl(" \u202e磁盘 已满 "))).toEqual({ page: "search", q: "磁盘 已满" });
  expect(at("/coverage?from=2022-08-01")).toEqual({ page: "coverage", filters: { from: "2022-08-01" } });
  expect(at("/system")).toEqual({ page: "system" });
});

test("the API is asked for a page of a list, and told its order", () => {
  const view = {
    filters: { kb: "KB1" },
    q: "",
    state: "failing" as const,
    sort: "name" as const,
    after: "x",
    before: 50,
  };
  expect(listQuery(view, 50)).toBe("?kb=KB1&state=failing&sort=name&after=x&limit=50");
  expect(endpointsUrl()).toBe("/endpoints");
});

test("a second click on a name widens again", () => {
  const narrow = toggled({ from: "2022-08-01" }, "kb", "KB1");
  expect(narrow).toEqual({ from: "2022-08-01", kb: "KB1" });
  expect(toggled(narrow, "kb", "KB1")).toEqual({ from: "2022-08-01" });
  expect(toggled(narrow, "kb", "KB2")).toEqual({ from: "2022-08-01", kb: "KB2" });
});

test("an address of another host is none of ours, however it is spelled", () => {
  for (const own of ["/", "/updates/KB5015020?from=2022-08-01", "/endpoints/a%2F%2Fb"])
    expect(isOwn(own), own).toBe(true);
  const foreign = [
    "//evil.example",
    "/\\evil.example",
    "/\t/evil.example",
    "\n//evil.example",
    "javascript:alert(1)",
    "evil",
  ];
  for (const other of foreign) {
    expect(isOwn(other), other).toBe(false);
    // What the others of them are to a browser.
    if (/evil\./.test(other)) expect(new URL(other, "http://ours.example").host, other).toBe("evil.example");
  }
});
