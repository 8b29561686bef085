import { expect } from "chai";
import { writeFileSync } from "node:fs";
import { join } from "node:path";

import { ensureBuilt } from "../../scripts/ensure-built.mjs";
import { GuestLab } from "./support/guest-lab.js";
import { tryDomsnap } from "./support/run-domsnap.js";

describe("the disk backend that a configuration names", function () {
  this.timeout(120_000);
  before(ensureBuilt);

  let lab: GuestLab;
  beforeEach(async () => {
    lab = await GuestLab.create();
  });
  afterEach(() => lab.remove());

  /** Runs a command under a configuration, at the URI as the user writes it. */
  function run(values: unknown, words: readonly string[], uri = lab.uri) {
    const DOMSNAP_CONFIG = join(lab.folder, "config.json");
    writeFileSync(DOMSNAP_CONFIG, JSON.stringify(values), { mode: 0o600 });
    return tryDomsnap(uri, words, { DOMSNAP_CONFIG });
  }

  async function keepersAfter(values: unknown, specs: readonly string[] = [], uri?: string) {
    const specWords = specs.flatMap((spec) => ["--diskspec", spec]);
    const words = ["snapshot-create-as", "guest", "s", "--disk-only", ...specWords];
    const { status, stderr } = run(values, words, uri);
    expect(status, stderr).to.equal(0);
    const { disks } = await (await lab.service()).get("guest", "s");
    return Object.fromEntries(
      disks.flatMap(({ name, backend }) => (backend ? [[name, backend]] : [])),
    );
  }

  it("keeps what it can keep, and others keep the rest", async () => {
    expect(await keepersAfter({ backend: "dd" })).to.deep.equal({ vda: "dd", vdb: "qdisk" });
  });

  it("is that of the connection, however its URI ends", async () => {
    const values = { backend: "blktap", connections: { [`${lab.uri}/`]: { backend: "dd" } } };
    expect(await keepersAfter(values)).to.deep.equal({ vda: "dd", vdb: "qdisk" });
  });

  it("is not that of another connection", async () => {
    const values = { connections: { "file:///elsewhere": { backend: "dd" } } };
    expect(await keepersAfter(values)).to.deep.equal({ vda: "qdisk", vdb: "qdisk" });
  });

  it("counts less than one that the command names", async () => {
    const keepers = await keepersAfter({ backend: "dd" }, ["vda,backend=qdisk"]);
    expect(keepers).to.deep.equal({ vda: "qdisk", vdb: "qdisk" });
  });

  it("has to be there", () => {
    const { status, stderr } = run({ backend: "lvm" }, ["list"]);
    expect(status).to.equal(1);
    expect(stderr)
      .to.include("there is no disk backend 'lvm'")
      .and.include("default of the connection")
      .and.include("dd (whole copies of raw images)");
  });
});
