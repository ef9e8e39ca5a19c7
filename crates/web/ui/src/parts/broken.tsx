// A page that could not be drawn: most often its script is gone, because a newer cbsift has started since this one was opened.

import { Component, type ReactNode } from "react";
import { LangContext, MESSAGES } from "../i18n";
import { Note } from "./states";

export class Broken extends Component<{ children: ReactNode }, { broken: boolean }> {
  static override contextType = LangContext;
  declare context: React.ContextType<typeof LangContext>;
  override state = { broken: false };

  static getDerivedStateFromError(): { broken: boolean } {
    return { broken: true };
  }

  override render(): ReactNode {
    if (!this.state.broken) return this.props.children;
    const t = MESSAGES[this.context];
    return (
      <div role="alert">
        <Note title={t.error.broken} text={t.error.brokenHint} tone="bad">
          <button type="button" className="button" onClick={() => location.reload()}>
            {t.error.reload}
          </button>
        </Note>
      </div>
    );
  }
}
