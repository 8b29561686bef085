import { readdirSync } from "node:fs";
import { join } from "node:path";

import type { DomainSnapshot } from "../../../core/model/index.js";
import { readStateFile, assertRealFolder } from "../../../host/state-files.js";
import { errnoOf, systemError } from "../../../host/system-error.js";
import {
  fromToolstackSnapshot,
  informationFileName,
  isInformationView,
  parseInformationFile,
  parseInformationFileName,
  parseLibxlSnapshot,
  prototypeFileName,
} from "../../../xl-snapshot/index.js";

const RECORD_SUFFIX = ".xml";
/** A view that is complete, while its record is being written. */
const NEXT_SUFFIX = ".next";
/** A description is a few hundred bytes. */
const LIMIT_BYTES = 1024 * 1024;

/** What a folder of snapshots holds, by the names of the snapshots. */
export interface InformationListing {
  readonly records: ReadonlySet<string>;
  readonly views: ReadonlySet<string>;
  /** Views that wait for their record, or were left by a writer that died. */
  readonly waiting: ReadonlySet<string>;
  /** Files of the prototype. */
  readonly prototypes: ReadonlySet<string>;
}

/** The folder of one domain's snapshots, with the information files in it. */
export class InformationFolder {
  constructor(readonly path: string) {}

  /** Undefined for a name that would make the file's too long. */
  view(name: string): string | undefined {
    const fileName = informationFileName(name);
    return fileName === undefined ? undefined : join(this.path, fileName);
  }

  waiting(view: string): string {
    return view + NEXT_SUFFIX;
  }

  prototype(name: string): string {
    return join(this.path, prototypeFileName(name));
  }

  /** One look at the names, whatever their number. Throws `system-error`. */
  list(): InformationListing {
    const listing = {
      records: new Set<string>(),
      views: new Set<string>(),
      waiting: new Set<string>(),
      prototypes: new Set<string>(),
    };
    for (const fileName of this.#fileNames()) {
      const found = parseInformationFileName(fileName);
      const next = fileName.endsWith(NEXT_SUFFIX) && fileName.slice(0, -NEXT_SUFFIX.length);
      const waiting = next ? parseInformationFileName(next) : undefined;
      if (found?.syntax === "xl") listing.views.add(found.name);
      else if (found) listing.prototypes.add(found.name);
      else if (waiting?.syntax === "xl") listing.waiting.add(waiting.name);
      else if (fileName.endsWith(RECORD_SUFFIX))
        listing.records.add(fileName.slice(0, -RECORD_SUFFIX.length));
    }
    return listing;
  }

  /** The text of a view; undefined where there is none. Throws `system-error`. */
  readView(name: string): string | undefined {
    const view = this.view(name);
    return view === undefined ? undefined : readStateFile(view, LIMIT_BYTES);
  }

  /** The text that waits for its record; undefined for none. Throws `system-error`. */
  readWaiting(view: string): string | undefined {
    return readStateFile(this.waiting(view), LIMIT_BYTES);
  }

  /**
   * The snapshot that another program has described; undefined where there is none, and for a view
   * of ours that has lost its record. Throws `system-error` and `invalid-argument`.
   */
  readForeign(name: string): DomainSnapshot | undefined {
    const text = this.readView(name);
    if (text !== undefined && isInformationView(text)) return undefined;
    const json = text === undefined ? readStateFile(this.prototype(name), LIMIT_BYTES) : undefined;
    const described =
      text !== undefined
        ? parseInformationFile(text, this.view(name))
        : json === undefined
          ? undefined
          : parseLibxlSnapshot(json, this.prototype(name));
    if (!described) return undefined;
    if (described.name !== name) throw new Error(`it describes snapshot '${described.name}'`);
    return fromToolstackSnapshot(described, {
      resolve: (file) => (file.startsWith("/") ? file : join(this.path, file)),
    });
  }

  #fileNames(): string[] {
    assertRealFolder(this.path);
    try {
      return readdirSync(this.path);
    } catch (thrown) {
      if (errnoOf(thrown) === "ENOENT") return [];
      throw systemError(thrown, `cannot open directory '${this.path}'`);
    }
  }
}
