// The pages, each a file of its own that is loaded when its address is: the first page of a visit costs its own script alone.

import { lazy } from "react";

export const OverviewPage = lazy(() => import("./pages/overview").then((page) => ({ default: page.OverviewPage })));
export const UpdatesPage = lazy(() => import("./pages/updates").then((page) => ({ default: page.UpdatesPage })));
export const UpdatePage = lazy(() => import("./pages/update").then((page) => ({ default: page.UpdatePage })));
export const CausesPage = lazy(() => import("./pages/causes").then((page) => ({ default: page.CausesPage })));
export const CausePage = lazy(() => import("./pages/cause").then((page) => ({ default: page.CausePage })));
export const EndpointsPage = lazy(() => import("./pages/endpoints").then((page) => ({ default: page.EndpointsPage })));
export const EndpointPage = lazy(() => import("./pages/endpoint").then((page) => ({ default: page.EndpointPage })));
export const AttemptPage = lazy(() => import("./pages/attempt").then((page) => ({ default: page.AttemptPage })));
export const ReportPage = lazy(() => import("./pages/report").then((page) => ({ default: page.ReportPage })));
export const RecordsPage = lazy(() => import("./pages/records").then((page) => ({ default: page.RecordsPage })));
export const CodePage = lazy(() => import("./pages/code").then((page) => ({ default: page.CodePage })));
export const SearchPage = lazy(() => import("./pages/search").then((page) => ({ default: page.SearchPage })));
export const UnexplainedPage = lazy(() =>
  import("./pages/unexplained").then((page) => ({ default: page.UnexplainedPage })),
);
export const CoveragePage = lazy(() => import("./pages/coverage").then((page) => ({ default: page.CoveragePage })));
export const AlertsPage = lazy(() => import("./pages/alerts").then((page) => ({ default: page.AlertsPage })));
export const AuditPage = lazy(() => import("./pages/audit").then((page) => ({ default: page.AuditPage })));
export const SystemPage = lazy(() => import("./pages/system").then((page) => ({ default: page.SystemPage })));
