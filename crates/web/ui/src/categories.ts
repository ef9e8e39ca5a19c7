// Colours of categories: one hue per family of causes, so that a glance at a chart already says "disk", "store" or "network".

export type Family = "disk" | "access" | "store" | "installer" | "network" | "state" | "other";

const FAMILIES: Record<Family, readonly string[]> = {
  disk: ["filesystem_corruption", "disk_full", "filesystem_or_disk", "transaction_log_full", "unexpected_shutdown"],
  access: ["access_denied", "missing_system_path", "locked_file", "reparse_or_filter"],
  store: [
    "component_store_corrupt",
    "missing_assembly",
    "missing_package_manifest",
    "repair_source_missing",
    "sfc_unrepairable",
    "hydration_failed",
    "psfx_base_missing",
    "component_metadata_corrupt",
    "catalog_corrupt",
    "servicing_stack_damaged",
  ],
  installer: [
    "advanced_installer_failed",
    "driver_operation_failed",
    "upgrade_rollback",
    "installer_failed",
    "recovery_partition",
    "dism_host_lost",
    "feature_unknown",
    "package_invalid",
  ],
  network: [
    "network_dns",
    "network",
    "wsus_policy",
    "fod_content_not_found",
    "wu_datastore",
    "retryable_download",
    "wsus_server_error",
  ],
  state: [
    "pending_reboot",
    "servicing_timeout",
    "ssu_required",
    "not_applicable",
    "cancelled",
    "prerequisite_missing",
    "licence",
    "service_unavailable",
    "secure_boot",
  ],
  other: ["unclassified", "not_servicing", "known_false_positive", "log_maintenance", "edition"],
};

/** Shades a family has before they repeat; the style sheet defines `--cat-<family>-<shade>` for each. */
const SHADES = 3;

const PLACES = new Map<string, { family: Family; shade: number }>();
for (const [family, categories] of Object.entries(FAMILIES)) {
  categories.forEach((category, index) => PLACES.set(category, { family: family as Family, shade: index % SHADES }));
}

/** The custom property that holds a category's colour; a category this build does not know is grey, never missing. */
export function colourVariable(category: string): string {
  const place = PLACES.get(category) ?? { family: "other", shade: 1 };
  return `--cat-${place.family}-${place.shade}`;
}

/** Colours that a legend holds, each once; the style sheet defines `--legend-<place>`. */
export const LEGEND_COLOURS = 8;

/**
 * The colours of one page: by place in its legend, so that no two there are alike. What the legend sums up as the rest is grey
 * everywhere on that page, and without a legend a category has the colour of its family.
 */
export function coloursOf(legend: readonly string[] | null): (category: string) => string {
  if (legend === null) return colourVariable;
  const places = new Map(legend.slice(0, LEGEND_COLOURS).map((category, place) => [category, `--legend-${place}`]));
  return (category) => places.get(category) ?? "--legend-rest";
}
