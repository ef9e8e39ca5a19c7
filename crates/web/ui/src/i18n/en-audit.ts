// Who may see what, and who did what, in English.

export const audit = {
  roles: {
    refused: "Your role does not show this",
    names: { operator: "operators", auditor: "auditors", administrator: "administrators" } as Record<string, string>,
    and: " and ",
    may: (roles: string) =>
      `${roles.charAt(0).toUpperCase()}${roles.slice(1)} may see it. Ask for a token of such a role, or have one of them look.`,
    withheld: "The text of this record is not shown to auditors",
  },
  audit: {
    hint: "The newest first. Text of logs that somebody looked at has a row for each reader, PC and log in ten minutes.",
    when: "When (UTC)",
    who: "Who",
    action: "What",
    object: "To what",
    before: "Before",
    after: "After",
    none: "Nothing is noted here",
    newest: "Newest",
    older: "Older",
  },
};
