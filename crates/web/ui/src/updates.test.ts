import { expect, test } from "vitest";
import type { Kb } from "./api";
import { piecesOf } from "./updates";

const KB: Kb = {
  kb: "KB5052007",
  tried: 0,
  installed: 0,
  recovered: 0,
  superseded: 0,
  restart: 0,
  failing: 0,
  cancelled: 0,
  unknown: 0,
  failed: 0,
  succeeded: 0,
  first: null,
  last: null,
};

test("every PC that tried is in one piece, and no piece is empty", () => {
  expect(piecesOf({ ...KB, tried: 90, installed: 70, recovered: 10, failing: 15, cancelled: 3, unknown: 2 })).toEqual([
    { piece: "installed", pcs: 70 },
    { piece: "failing", pcs: 15 },
    { piece: "other", pcs: 5 },
  ]);
  expect(piecesOf(KB)).toEqual([]);
});

test("who recovered is among the installed, and no PC is counted twice", () => {
  expect(piecesOf({ ...KB, tried: 15, installed: 12, recovered: 4, superseded: 1, failing: 3 })).toEqual([
    { piece: "installed", pcs: 12 },
    { piece: "failing", pcs: 3 },
  ]);
});
