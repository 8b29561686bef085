import { readdirSync, readFileSync, realpathSync } from "node:fs";
import { join } from "node:path";

import { DomsnapError } from "../../core/errors/index.js";
import type { DomainDefinition } from "../../core/model/index.js";
import { canonicalUuid } from "../../xml/index.js";
import { probeFile } from "../../host/probe-file.js";
import { changeFile } from "../../host/replace-file.js";
import { systemError } from "../../host/system-error.js";
import { domainDisksOf } from "./disk-servers.js";
import { defineGuest } from "./domain-xml.js";
import { moveCfgDisks } from "./move-disks.js";
import { guestOfXlCfg, type XenGuest } from "./xen-guest.js";

const SUFFIX = ".cfg";
/** Such files are written by people. */
const MAX_FILE_BYTES = 1024 * 1024;

/** A domain as its file describes it. */
export interface ConfiguredGuest {
  readonly path: string;
  readonly guest: XenGuest;
}

/** The files that `xl create` is given: `/etc/xen/NAME.cfg`. */
export class ConfigFolder {
  constructor(private readonly path: string) {}

  /** All domains, by file name. Files that are none, or that xl would not take, hide no other. */
  list(): ConfiguredGuest[] {
    return this.#fileNames().flatMap((fileName) => {
      const path = join(this.path, fileName);
      try {
        const text = readConfig(path);
        const guest = text === undefined ? undefined : guestOfXlCfg(text, path);
        return guest ? [{ path, guest }] : [];
      } catch {
        return [];
      }
    });
  }

  /**
   * The file that describes a domain: it has its uuid, or its name and no uuid. Throws
   * `operation-failed` when there are several, as nobody knows which is meant.
   */
  find(domain: {
    readonly name: string;
    readonly uuid?: string | undefined;
  }): ConfiguredGuest | undefined {
    const candidates = this.list().filter(({ guest }) =>
      guest.uuid === undefined || domain.uuid === undefined
        ? guest.name === domain.name
        : canonicalUuid(guest.uuid) === domain.uuid,
    );
    const [first, second] = candidates;
    if (first && second)
      throw new DomsnapError(
        "operation-failed",
        `'${first.path}' and '${second.path}' both describe domain '${domain.name}'`,
        { hint: "Rename the one that is a copy, so that it does not end in .cfg." },
      );
    return first;
  }

  /** The file of a domain. Throws `no-domain`. */
  require(domain: { readonly name: string; readonly uuid: string }): ConfiguredGuest {
    const found = this.find(domain);
    if (found) return found;
    throw new DomsnapError("no-domain", `no file in '${this.path}' describes '${domain.name}'`, {
      hint: `Put the domain's configuration there as '${domain.name}${SUFFIX}'.`,
    });
  }

  /**
   * Writes the disks of a definition into the file of its domain; all else in the file stays.
   * Idempotent. Throws `no-domain`, `config-unsupported` for a definition with other disks, and
   * `operation-failed` when somebody changes the file meanwhile.
   */
  async write(definition: DomainDefinition): Promise<void> {
    const { path } = this.require(definition);
    const text = readConfig(path) ?? "";
    const changed = moveCfgDisks(text, path, ({ vdev }) => {
      const disk = definition.disks.find(({ target }) => target === vdev);
      if (!disk) throw unsupported(`it has no disk '${vdev}'`);
      return { path: disk.source?.path, format: disk.format };
    });
    await changeFile(realpathSync(path), text, changed);
  }

  /** Whether the domain's file names the images of this definition. */
  holds(definition: DomainDefinition): boolean {
    const found = this.find(definition);
    if (!found) return false;
    const stored = domainDisksOf(found.guest.disks, []);
    return definition.disks.every((disk) => {
      const other = stored.find(({ target }) => target === disk.target);
      return other?.source?.path === disk.source?.path && other?.format === disk.format;
    });
  }

  #fileNames(): string[] {
    try {
      return readdirSync(this.path)
        .filter((name) => name.endsWith(SUFFIX) && !name.startsWith("."))
        .sort();
    } catch (thrown) {
      if (probeFile(this.path).kind === "absent") return [];
      throw systemError(thrown, `cannot open directory '${this.path}'`);
    }
  }
}

/** The definition of a domain that is off, or the one for its next start. */
export function definitionOfFile({ guest }: ConfiguredGuest, uuid: string): DomainDefinition {
  return defineGuest({ ...guest, uuid }, domainDisksOf(guest.disks, []));
}

function readConfig(path: string): string | undefined {
  const fact = probeFile(path);
  if (fact.kind !== "regular" || fact.sizeBytes > MAX_FILE_BYTES) return undefined;
  return readFileSync(path, "utf8");
}

function unsupported(reason: string): DomsnapError {
  return new DomsnapError(
    "config-unsupported",
    `the definition does not fit the domain's file: ${reason}`,
  );
}
