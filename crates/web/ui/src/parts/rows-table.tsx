// A table of what was noted, a row each: first when, then words that may be a stranger's.

import type { ReactNode } from "react";
import { LogText } from "./log-text";

export function RowsTable({ title, head, rows }: { title: string; head: string[]; rows: ReactNode[][] }) {
  return (
    <div className="scroll" tabIndex={0} role="group" aria-label={title}>
      <table className="grid">
        <caption className="sr">{title}</caption>
        <thead>
          <tr>
            {head.map((text) => (
              <th key={text} scope="col">
                {text}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((cells, index) => (
            <tr key={index}>
              {cells.map((cell, at) => (
                <td key={at} className={at === 0 ? "mono nowrap" : "wrap"}>
                  {typeof cell === "string" ? <LogText text={cell} /> : cell}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
