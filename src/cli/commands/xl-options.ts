import type { CommandSpec } from "../command-spec.js";
import type { OptionSpec } from "../grammar/option-spec.js";
import { DOMAIN } from "./common-options.js";

/** What the commands that were proposed for xl (2014) have in common. */
export const XL_COMMAND = {
  group: "xl",
  grammar: "xl",
  defaultUri: "xen:///system",
} as const satisfies Partial<CommandSpec>;

export const XL_DOMAIN = {
  ...DOMAIN,
  summary: "domain name, id or uuid",
} as const satisfies OptionSpec;

/** `-n NAME` of a snapshot that exists. */
export const XL_SNAPSHOT = {
  name: "name",
  short: "n",
  kind: "string",
  literal: true,
  summary: "name of the snapshot",
  completes: "snapshot",
} as const satisfies OptionSpec;
