import { renderToStaticMarkup } from "react-dom/server";
import { expect, test } from "vitest";
import { LogText } from "./log-text";

const drawn = (text: string) => renderToStaticMarkup(<LogText text={text} />);

test("a harmful character is a mark that says what it is, to eyes and to screen readers", () => {
  const html = drawn("a\u202ecod.exe <b>");
  expect(html).toBe(
    '<bdi dir="ltr">a<span class="mark" role="img" aria-label="Direction control U+202E, shown as a mark"' +
      ' title="Direction control U+202E, shown as a mark">[U+202E]</span>cod.exe &lt;b&gt;</bdi>',
  );
});

test("plain text stands bare, and what may run from the right is kept to itself", () => {
  expect(drawn("C:\\Windows\\x.dll")).toBe("C:\\Windows\\x.dll");
  expect(drawn("")).toBe("");
  expect(drawn("مسار 1")).toBe('<bdi dir="ltr">مسار 1</bdi>');
});

test("a text full of marks stays small, and shows each of them", () => {
  const html = drawn("\u001b\u202e".repeat(5_000));
  expect(html.match(/<span/g)).toHaveLength(100);
  expect(html.match(/\[ESC\]/g)).toHaveLength(5_000);
});
