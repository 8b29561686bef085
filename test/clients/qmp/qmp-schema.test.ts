import { expect } from "chai";

import {
  queryCommands,
  queryQmpSchema,
  QmpSchema,
  withQmp,
} from "../../../src/clients/qmp/index.js";
import { startIdleQemu, type IdleQemu } from "./support/idle-qemu.js";
import { thrownBy } from "./support/thrown-by.js";

describe("what a QEMU can do", () => {
  let qemu: IdleQemu;
  let schema: QmpSchema;

  before(async () => {
    qemu = await startIdleQemu();
    schema = await withQmp(qemu.socket, {}, queryQmpSchema);
  });
  after(() => qemu.stop());

  it("lists its commands", async () => {
    const commands = await withQmp(qemu.socket, {}, queryCommands);
    expect([...commands]).to.include.members(["transaction", "snapshot-save", "query-status"]);
    expect(commands.has("no-such-command")).to.equal(false);
  });

  it("knows commands and events", () => {
    expect(schema.has("snapshot-save")).to.equal(true);
    expect(schema.has("JOB_STATUS_CHANGE")).to.equal(true);
    expect(schema.has("savevm")).to.equal(false);
    // A type is no command.
    expect(schema.has("0")).to.equal(false);
  });

  it("knows arguments", () => {
    expect(schema.has("snapshot-save", "vmstate")).to.equal(true);
    expect(schema.has("snapshot-save", "compress")).to.equal(false);
    expect(schema.has("query-status", "anything")).to.equal(false);
  });

  it("looks through arrays, enumerations, unions and alternates", () => {
    const capability = ["migrate-set-capabilities", "capabilities", "capability"] as const;
    expect(schema.has(...capability, "background-snapshot")).to.equal(true);
    expect(schema.has(...capability, "teleport")).to.equal(false);
    expect(schema.has("transaction", "actions", "type", "blockdev-snapshot")).to.equal(true);
    expect(schema.has("transaction", "actions", "data", "overlay")).to.equal(true);
    expect(schema.has("transaction", "actions", "overlay")).to.equal(false);
    expect(schema.has("blockdev-add", "driver", "qcow2")).to.equal(true);
    expect(schema.has("blockdev-add", "backing", "driver", "raw")).to.equal(true);
    expect(schema.has("blockdev-add", "nonsense", "driver")).to.equal(false);
  });

  it("refuses what is no schema", () => {
    expect(thrownBy(() => new QmpSchema({})).code).to.equal("tool-failed");
  });
});
