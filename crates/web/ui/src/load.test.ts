import { expect, test } from "vitest";
import { ApiError, afterFailure, standingOf } from "./load";

const answer = { path: "/api/v1/overview", data: 1, at: 5, took: 1 };
const away = new ApiError(0, "", null);

test("figures of another address never pass for those asked for", () => {
  expect(standingOf(answer, "/api/v1/overview?kb=KB1", null)).toBe("other");
  expect(standingOf(answer, "/api/v1/overview?kb=KB1", away)).toBe("other");
  expect(standingOf(answer, "/api/v1/overview", null)).toBe("current");
  expect(standingOf(null, "/api/v1/overview", null)).toBe("current");
});

test("figures that could not be renewed are old", () => {
  expect(standingOf(answer, "/api/v1/overview", away)).toBe("old");
});

test("a failure keeps the answer of its own address, and no other", () => {
  expect(afterFailure(answer, "/api/v1/overview", away)).toBe(answer);
  expect(afterFailure(answer, "/api/v1/overview?kb=KB1", away)).toBeNull();
  expect(afterFailure(answer, "/api/v1/overview", new ApiError(404, "gone", null))).toBeNull();
});
