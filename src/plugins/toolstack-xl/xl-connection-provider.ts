import { readFileSync } from "node:fs";

import { inject, injectable } from "inversify";

import { DomsnapError } from "../../core/errors/index.js";
import {
  FilePersistence,
  type Connection,
  type ConnectionProvider,
} from "../../core/ports/index.js";

const SCHEME = "xen";
const CONFIG_FOLDER = "/etc/xen";
/** Where the 2014 RFC keeps snapshots. */
const STATE_FOLDER = "/var/lib/xen/snapshots";
const CAPABILITIES = "/proc/xen/capabilities";

/** Opens `xen:///system`: the Xen host that this program runs in the control domain of. */
@injectable()
export class XlConnectionProvider implements ConnectionProvider {
  readonly schemes = [SCHEME];
  readonly summary = "the guests of this Xen host: xen:///system";

  constructor(@inject(FilePersistence) private readonly openPersistence: FilePersistence) {}

  /** Throws `invalid-argument` for another URI, and `no-support` where Xen cannot be reached. */
  async open(uri: string): Promise<Connection> {
    if (!/^xen:\/\/\/(system)?$/i.test(uri))
      throw new DomsnapError("invalid-argument", `'${uri}' is not the URI xen:///system`);
    assertControlDomain();
    const { openXlToolstack } = await import("./xl-toolstack.js");
    const { withInformationFiles } = await import("./information-files/index.js");
    const toolstack = openXlToolstack(uri, {
      configFolder: CONFIG_FOLDER,
      stateFolder: STATE_FOLDER,
    });
    const definitionOf = async (domainUuid: string) =>
      (await toolstack.listDomains()).find(({ uuid }) => uuid === domainUuid)?.definition;
    return {
      toolstack,
      ...withInformationFiles(this.openPersistence(STATE_FOLDER), STATE_FOLDER, definitionOf),
      close: () => Promise.resolve(),
    };
  }
}

function assertControlDomain(): void {
  let capabilities = "";
  try {
    capabilities = readFileSync(CAPABILITIES, "utf8");
  } catch {
    // Not there but below Xen.
  }
  if (!capabilities.includes("control_d"))
    throw new DomsnapError("no-support", "this host is not the control domain of Xen", {
      hint: `Use xen:///system in dom0, where ${CAPABILITIES} says control_d.`,
    });
}
