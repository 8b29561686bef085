import type { Domain } from "../../core/model/index.js";
import type { DomainPower, Toolstack } from "../../core/ports/index.js";
import { domsnapRules } from "../../core/rules/driver-rules.js";
import { Xl } from "../lib/xl/index.js";
import { ConfigFolder } from "./config-folder.js";
import { XenDomains } from "./xen-domains.js";
import { XlHandler } from "./xl-handler.js";
import { XlPower } from "./xl-power.js";

/** The guests of a Xen host, by xl. A guest is persistent when it has a file in `/etc/xen`. */
export class XlToolstack implements Toolstack {
  readonly rules = domsnapRules;
  readonly touchesImages = true;
  readonly captures = true;
  readonly handler: XlHandler;
  readonly power: DomainPower;

  constructor(
    readonly uri: string,
    private readonly domains: XenDomains,
    stateFolder: string,
  ) {
    this.power = new XlPower(domains);
    this.handler = new XlHandler(domains, stateFolder);
  }

  async listDomains(): Promise<readonly Domain[]> {
    return this.domains.list();
  }

  async findDomain(reference: string): Promise<Domain> {
    return this.domains.find(reference);
  }
}

/** The toolstack of this host, with guests' files and snapshots in these folders. */
export function openXlToolstack(
  uri: string,
  { configFolder, stateFolder }: { readonly configFolder: string; readonly stateFolder: string },
): XlToolstack {
  return new XlToolstack(
    uri,
    new XenDomains(new Xl(), new ConfigFolder(configFolder)),
    stateFolder,
  );
}
