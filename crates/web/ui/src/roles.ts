// What the reader may see of the pages. The server decides; this only keeps from view what it would refuse.

import { createContext, useContext } from "react";

/** Null where the pages ask for no token: then everything is shown. */
export const RoleContext = createContext<string | null>(null);

export const seesText = (role: string | null): boolean => role !== "auditor";
export const readsAudit = (role: string | null): boolean => role !== "operator";

export const useRole = (): string | null => useContext(RoleContext);
