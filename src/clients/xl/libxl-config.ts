import {
  array,
  literal,
  looseObject,
  number,
  optional,
  pipe,
  safeInteger,
  safeParse,
  string,
  unknown,
  type InferOutput,
} from "valibot";

import { DomsnapError } from "../../core/errors/index.js";
import { tryParseJson } from "../../formats/json.js";
import { libxlDiskSchema } from "../../formats/xl-disk/index.js";

const wholeNumber = pipe(number(), safeInteger());

/**
 * A libxl_domain_config as libxl writes it into JSON, and of it what is looked at here. Fields at
 * their default are left out there, and what other versions add is kept as it is. Their yes and no
 * are the texts "True" and "False" in some places, and numbers or booleans in others.
 */
export const libxlConfigSchema = looseObject({
  c_info: looseObject({
    type: optional(string()),
    name: string(),
    uuid: optional(string()),
  }),
  b_info: looseObject({
    max_vcpus: optional(wholeNumber),
    max_memkb: optional(wholeNumber),
    target_memkb: optional(wholeNumber),
    kernel: optional(string()),
    ramdisk: optional(string()),
    cmdline: optional(string()),
    bootloader: optional(string()),
    device_model_stubdomain: optional(string()),
    dm_restrict: optional(string()),
  }),
  disks: optional(array(libxlDiskSchema), []),
  on_poweroff: optional(string()),
  on_reboot: optional(string()),
  on_crash: optional(string()),
});
export type LibxlConfig = InferOutput<typeof libxlConfigSchema>;

/** One domain of `xl list -l`. */
export interface LibxlDomain {
  readonly id: number;
  readonly config: LibxlConfig;
}

const listSchema = array(looseObject({ domid: number(), config: unknown() }));
const domain0Schema = looseObject({ domid: literal(0) });

/**
 * Reads `xl list -l`. A domain that xl could not ask is missing there, so that missing does not
 * mean gone; one whose configuration is not understood is left out, too, and hides no other.
 * Domain-0 is no guest and left out. Throws `tool-failed` for what is no such list, and
 * `config-unsupported` when xl is configured to print the format of old.
 */
export function parseLongList(output: string): LibxlDomain[] {
  if (output.trimStart().startsWith("("))
    throw new DomsnapError("config-unsupported", "xl prints its lists as sxp and not as JSON", {
      hint: 'Remove output_format="sxp" from /etc/xen/xl.conf.',
    });
  const list = safeParse(listSchema, parseJson(output));
  if (!list.success) throw notUnderstood(list.issues[0].message);
  return list.output
    .filter((domain) => !safeParse(domain0Schema, domain).success)
    .flatMap(({ domid, config }) => {
      const known = safeParse(libxlConfigSchema, config);
      return known.success ? [{ id: domid, config: known.output }] : [];
    });
}

/**
 * Reads a configuration alone, as it stands in save files; a NUL at the end is dropped. Throws
 * `invalid-argument`.
 */
export function parseLibxlConfig(json: string): LibxlConfig {
  const config = safeParse(libxlConfigSchema, tryParseJson(json.replace(/\0+$/, "")));
  if (config.success) return config.output;
  throw new DomsnapError(
    "invalid-argument",
    `the configuration of libxl is not understood: ${config.issues[0].message}`,
  );
}

function parseJson(output: string): unknown {
  const list = tryParseJson(output);
  if (list === undefined) throw notUnderstood("it is not JSON");
  return list;
}

function notUnderstood(reason: string): DomsnapError {
  return new DomsnapError("tool-failed", `xl list -l printed what is not understood: ${reason}`);
}
