import { DomsnapError } from "../../core/errors/index.js";
import {
  XL_BACKENDS,
  XL_DISK_FORMATS,
  type XlBackend,
  type XlDisk,
  type XlDiskFormat,
} from "./xl-disk.js";

/**
 * Reads one disk specification as xl does: `key=value`, flags, positional parameters, prefixes of
 * old. Several words (as `xl block-attach` takes them) are read one after the other as one
 * specification. Collects all mistakes into one `invalid-argument` with xl's form of message, one
 * a line.
 */
export function parseXlDisk(
  specification: string | readonly string[],
  fileName = "(disk)",
): XlDisk {
  const words = typeof specification === "string" ? [specification] : specification;
  const reader = new DiskReader();
  for (const word of words) reader.read(word);
  const disk = reader.finish();
  const [first] = reader.problems;
  if (first === undefined && disk) return disk;
  const shown = words.join(" ");
  const lines = reader.problems.map(
    ({ reason, near }) =>
      `${fileName}: config parsing error in disk specification: ${reason}` +
      (near === undefined ? `: in \`${shown}'` : `: near \`${near}' in \`${shown}'`),
  );
  throw new DomsnapError("invalid-argument", lines.join("\n"), {
    hint: "Write format=FORMAT,vdev=NAME,access=rw,target=PATH, which is the safest form.",
  });
}

interface Problem {
  readonly reason: string;
  readonly near?: string;
}

/** What has been read so far; a missing field was not told. */
interface Draft {
  target?: string;
  format?: XlDiskFormat;
  vdev?: string;
  writable?: boolean;
  cdrom: boolean;
  script?: string;
  backendDomain?: string;
  backendType?: XlBackend;
  discard?: boolean;
  directIoSafe?: boolean;
  specification?: "xen" | "virtio";
}

type TextKey = "target" | "vdev" | "script" | "backendDomain";

class DiskReader {
  readonly problems: Problem[] = [];
  readonly #draft: Draft = { cdrom: false };
  readonly #others = new Map<string, string | boolean>();
  #hadPrefix = false;

  read(text: string): void {
    for (let rest = text.replace(BLANKS, ""); rest !== "";) {
      const matched = longestMatch(rest);
      if (!matched) {
        this.#fail("bad disk syntax", rest);
        return;
      }
      const taken = rest.slice(0, matched.length);
      matched.rule.take(this, withoutComma(taken), taken);
      rest = rest.slice(matched.length).replace(BLANKS, "");
    }
  }

  finish(): XlDisk | undefined {
    const { vdev, format, writable = true, cdrom, target, ...rest } = this.#draft;
    if (vdev === undefined) this.#fail("no vdev specified");
    if (target === undefined && !cdrom)
      this.#fail("no target specified (and device not removable)");
    if (vdev === undefined || this.problems.length > 0) return undefined;
    return {
      ...(target !== undefined && { target }),
      vdev,
      format: cdrom && !target ? "empty" : (format ?? "raw"),
      writable: writable && !cdrom,
      cdrom,
      removable: cdrom,
      ...rest,
      ...(this.#others.size > 0 && { others: Object.fromEntries(this.#others) }),
    };
  }

  setText(key: TextKey, name: string, value: string): void {
    if (this.#draft[key]) this.#fail(`${name} respecified`, value);
    else this.#draft[key] = value;
  }

  setFormat(value: string): void {
    const word = value === "" ? "raw" : value;
    const format = XL_DISK_FORMATS.find((known) => known === word);
    if (format === undefined) this.#fail("unknown value for format", value);
    else this.#setOnce("format", format, value);
  }

  setAccess(value: string): void {
    const writable = ["rw", "w", ""].includes(value);
    if (!writable && value !== "r" && value !== "ro") this.#fail("unknown value for access", value);
    else this.#setOnce("writable", writable, value);
  }

  setBackendType(value: string): void {
    const type = XL_BACKENDS.find((known) => known === value);
    if (type === undefined) this.#fail("unknown value for backendtype", value);
    else this.#setOnce("backendType", type, value);
  }

  setSpecification(value: string): void {
    if (value === "xen" || value === "virtio") this.#setOnce("specification", value, value);
    else this.#fail("unknown value for specification", value);
  }

  setDevtype(value: string): void {
    if (value === "cdrom") this.#draft.cdrom = true;
    else if (value !== "disk") this.#fail("unknown value for type", value);
  }

  setSwitch(key: "discard" | "directIoSafe", value: boolean): void {
    this.#draft[key] = value;
  }

  setOther(name: string, value: string | boolean): void {
    this.#others.set(name, value);
  }

  unknownParameter(taken: string): void {
    this.#fail("unknown parameter", taken);
  }

  prefix(name: string): void {
    this.#hadPrefix = true;
    if (FORMAT_PREFIXES.has(name)) this.setFormat(name);
    else if (SCRIPT_PREFIXES.has(name)) this.setText("script", "script", `block-${name}`);
    else if (!PLAIN_PREFIXES.has(name)) this.#fail("unknown deprecated disk prefix", `${name}:`);
  }

  positional(value: string): void {
    const draft = this.#draft;
    if (draft.target === undefined) draft.target = value;
    else if (!this.#hadPrefix && draft.format === undefined) this.#formatOrDrive(value);
    else if (draft.vdev === undefined) this.#setVdev(value);
    else if (draft.writable === undefined) this.setAccess(value);
    else this.#fail("too many positional parameters", value);
  }

  /** An empty drive may leave the format out: `,hdc:cdrom`. */
  #formatOrDrive(value: string): void {
    if (this.#draft.target !== "" || !value.includes(":")) {
      this.setFormat(value);
      return;
    }
    this.#draft.format = "empty";
    this.#setVdev(value);
  }

  #setVdev(value: string): void {
    const colon = value.lastIndexOf(":");
    this.setText("vdev", "vdev", colon < 0 ? value : value.slice(0, colon));
    if (colon >= 0) this.setDevtype(value.slice(colon + 1));
  }

  #setOnce<Key extends "format" | "writable" | "backendType" | "specification">(
    key: Key,
    value: NonNullable<Draft[Key]>,
    written: string,
  ): void {
    const before = this.#draft[key];
    if (before !== undefined && before !== value)
      this.#fail(`${key === "writable" ? "access" : key.toLowerCase()} respecified`, written);
    else this.#draft[key] = value;
  }

  #fail(reason: string, near?: string): void {
    this.problems.push(near === undefined ? { reason } : { reason, near });
  }
}

const FORMAT_PREFIXES: ReadonlySet<string> = new Set(["raw", "qcow", "qcow2", "vhd"]);
const SCRIPT_PREFIXES: ReadonlySet<string> = new Set(["iscsi", "nbd", "enbd", "drbd"]);
const PLAIN_PREFIXES: ReadonlySet<string> = new Set([
  "tapdisk",
  "tap",
  "tap2",
  "aio",
  "ioemu",
  "file",
  "phy",
]);

const BLANKS = /^[ \t\n]+/;

interface Rule {
  readonly pattern: RegExp;
  /** Looked for behind the match and counted as a part of it, which makes it win. */
  readonly lookahead?: RegExp;
  /** Gets the text without the comma that ends it, and all that was taken. */
  take(reader: DiskReader, text: string, taken: string): void;
}

/** In the order of xl's scanner: of the longest matches the first wins. */
const RULES: readonly Rule[] = [
  valueRule("backend", (reader, value) => reader.setText("backendDomain", "backend", value)),
  valueRule("format", (reader, value) => reader.setFormat(value)),
  valueRule("devtype", (reader, value) => reader.setDevtype(value)),
  valueRule("access", (reader, value) => reader.setAccess(value)),
  valueRule("backendtype", (reader, value) => reader.setBackendType(value)),
  valueRule("specification", (reader, value) => reader.setSpecification(value)),
  valueRule("vdev", (reader, value) => reader.setText("vdev", "vdev", value)),
  valueRule("script", (reader, value) => reader.setText("script", "script", value)),
  ...["colo-host", "colo-port", "colo-export", "active-disk", "hidden-disk"].map((name) =>
    valueRule(name, (reader, value) => reader.setOther(name, value)),
  ),
  flagRule("cdrom", (reader) => reader.setDevtype("cdrom")),
  flagRule("direct-io-safe", (reader) => reader.setSwitch("directIoSafe", true)),
  flagRule("discard", (reader) => reader.setSwitch("discard", true)),
  flagRule("no-discard", (reader) => reader.setSwitch("discard", false)),
  flagRule("colo", (reader) => reader.setOther("colo", true)),
  flagRule("no-colo", (reader) => reader.setOther("colo", false)),
  flagRule("trusted", (reader) => reader.setOther("trusted", true)),
  flagRule("untrusted", (reader) => reader.setOther("trusted", false)),
  flagRule("grant_usage=1", (reader) => reader.setOther("grant_usage", true)),
  flagRule("grant_usage=0", (reader) => reader.setOther("grant_usage", false)),
  {
    pattern: /^target=.*/,
    take: (reader, text) => reader.setText("target", "target", text.slice("target=".length)),
  },
  {
    pattern: /^[a-z][-a-z0-9]*=[^\],],?/,
    take: (reader, _text, taken) => reader.unknownParameter(taken),
  },
  {
    pattern: new RegExp(
      `^(?:${[...FORMAT_PREFIXES, ...SCRIPT_PREFIXES, ...PLAIN_PREFIXES].join("|")}):`,
    ),
    lookahead: /^.*/,
    take: (reader, text) => reader.prefix(text.slice(0, -1)),
  },
  {
    pattern: /^[a-z][a-z0-9]*:/,
    lookahead: /^(?:[^a-z0-9].*)?/,
    take: (reader, text) => reader.prefix(text.slice(0, -1)),
  },
  { pattern: /^(?:[^=,]*,|[^=,]+)/, take: (reader, text) => reader.positional(text) },
];

function valueRule(name: string, take: (reader: DiskReader, value: string) => void): Rule {
  return {
    pattern: new RegExp(`^${name}=[^,]*,?`),
    take: (reader, text) => take(reader, text.slice(name.length + 1)),
  };
}

function flagRule(name: string, take: (reader: DiskReader) => void): Rule {
  return { pattern: new RegExp(`^${name},?`), take };
}

function longestMatch(text: string): { rule: Rule; length: number } | undefined {
  let best: { rule: Rule; length: number; weight: number } | undefined;
  for (const rule of RULES) {
    const length = rule.pattern.exec(text)?.[0].length;
    if (length === undefined) continue;
    const ahead = rule.lookahead?.exec(text.slice(length))?.[0].length ?? 0;
    const weight = length + ahead;
    if (!best || weight > best.weight) best = { rule, length, weight };
  }
  return best;
}

function withoutComma(text: string): string {
  return text.endsWith(",") ? text.slice(0, -1) : text;
}
