import { expect, test } from "vitest";
import {
  endpointUrl,
  endpointsUrl,
  filtersOf,
  labelsOf,
  overviewUrl,
  queryOf,
  recordUrl,
  routeOf,
  searchUrl,
  withLabel,
} from "./url";

test("filters survive the way through an address", () => {
  const filters = {
    from: "2022-08-01",
    to: "2022-08-30",
    kb: "KB5016616",
    category: "network_dns",
    code: "0x8024402c",
    endpoint: "a b&c=d/e",
    labels: ["ring:pilot", "site:上海, 浦东: A"],
    by: "site",
  };
  expect(filtersOf(queryOf(filters))).toEqual(filters);
  expect(queryOf({})).toBe("");
  expect(overviewUrl()).toBe("/");
});

test("labels are named each once, and one takes the place of another", () => {
  const query = new URLSearchParams("label=ring:pilot&label=ring:pilot&label=Ring:x&label=ring:&label=x&by=A");
  expect(labelsOf(query)).toEqual(["ring:pilot"]);
  expect(filtersOf("?by=A&label=x")).toEqual({});
  expect(withLabel(["ring:pilot", "site:A"], "ring", "broad")).toEqual(["site:A", "ring:broad"]);
  expect(withLabel(["ring:pilot", "site:A"], "ring", "")).toEqual(["site:A"]);
  const list = new URL(endpointsUrl("x", true, ["site:上海"]), "http://x");
  expect(routeOf(list.pathname, list.search)).toEqual({
    page: "endpoints",
    q: "x",
    failing: true,
    labels: ["site:上海"],
  });
});

test("what is no filter is left out", () => {
  expect(filtersOf("?from=yesterday&kb=&utm=1&code=0xC0000102&lang=zh")).toEqual({ code: "0xc0000102" });
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
  expect(routeOf("/endpoints", "?q=sh&failing=1")).toEqual({ page: "endpoints", q: "sh", failing: true, labels: [] });
  expect(routeOf("/endpoints", "?q=%E2%80%AEsh%00")).toEqual({
    page: "endpoints",
    q: "sh",
    failing: false,
    labels: [],
  });
  expect(routeOf("/codes/0xC0000102", "")).toEqual({ page: "code", code: "0xc0000102" });
  expect(routeOf("/elsewhere", "")).toEqual({ page: "unknown" });
  expect(routeOf("/endpoints/%E0%A4%A", "")).toEqual({ page: "endpoint", id: "%E0%A4%A", places: {} });
});

test("an offset that is none becomes the start", () => {
  for (const offset of ["-1", "x", "1e99"]) {
    expect(routeOf("/endpoints/a/records", `?stream=1&offset=${offset}`)).toMatchObject({ offset: 0 });
  }
});

test("the search box tells codes, KBs and names apart", () => {
  expect(searchUrl("0x80070570")).toBe("/codes/0x80070570");
  expect(searchUrl(" 8024402C ")).toBe("/codes/0x8024402c");
  expect(searchUrl("error_file_corrupt")).toBe("/codes/ERROR_FILE_CORRUPT");
  expect(searchUrl("kb5016616")).toBe("/?kb=KB5016616");
  expect(searchUrl("BR-001")).toBe("/endpoints?q=BR-001");
  // Eight digits are a machine's name rather than a code unless they look like a failure.
  expect(searchUrl("20220818")).toBe("/endpoints?q=20220818");
});
