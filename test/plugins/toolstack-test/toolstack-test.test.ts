import "reflect-metadata";

import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";

import { expect } from "chai";
import { Container } from "inversify";

import { ConnectionProvider, type Connection } from "../../../src/core/ports/index.js";
import { storeMemoryModule } from "../../../src/plugins/store-memory/index.js";
import { toolstackTestModule } from "../../../src/plugins/toolstack-test/index.js";
import {
  describeToolstack,
  expectError,
  tableRunner,
  TestEvidence,
} from "../../../src/testing/index.js";
import { makeFolder } from "../support/state-folder.js";

function provider(): ConnectionProvider {
  const container = new Container();
  container.load(storeMemoryModule, toolstackTestModule);
  return container.get<ConnectionProvider>(ConnectionProvider);
}

/** What virsh says on standard output; fails with its complaint. */
function virsh(uri: string, ...args: string[]): string {
  return execFileSync("virsh", ["-q", "-c", uri, ...args], { stdio: "pipe" }).toString();
}

/** What virsh complains of, after its first line and without the prefix. */
function virshComplaint(uri: string): string {
  try {
    virsh(uri, "list");
  } catch (thrown) {
    const { stderr } = thrown as { stderr: Buffer };
    const [, complaint] = /^error: (?!failed to connect)(.*)$/m.exec(stderr.toString()) ?? [];
    if (complaint !== undefined) return complaint;
  }
  throw new Error(`virsh took ${uri}`);
}

describeToolstack("toolstack-test", {
  runsDomains: true,
  async open() {
    const { toolstack } = await provider().open("test:///default");
    return { toolstack, domain: "test" };
  },
});

describe("toolstack-test", () => {
  let folder: string;
  let dispose: () => Promise<void>;

  beforeEach(async () => {
    ({ path: folder, dispose } = await makeFolder());
  });
  afterEach(() => dispose());

  it("is switched on and off with the texts of libvirt's test driver", async () => {
    const { toolstack } = await provider().open("test:///default");
    const { power } = toolstack;
    if (!power) throw new Error("no power");
    const { uuid } = await toolstack.findDomain("test");
    const state = async () => (await toolstack.findDomain(uuid)).state;
    const paused = { paused: false };
    await expectError(
      power.start(uuid, paused),
      "internal-error",
      "Domain 'test' is already running",
    );
    await expectError(power.resume(uuid), "internal-error", "domain 'test' not paused");
    await power.suspend(uuid);
    expect(await state()).to.equal("paused");
    await expectError(power.suspend(uuid), "internal-error", "domain 'test' not running");
    await power.resume(uuid);
    await power.shutdown(uuid);
    expect(await state()).to.equal("shutoff");
    await expectError(power.shutdown(uuid), "internal-error", "domain 'test' not running");
    await expectError(
      power.destroy(uuid, { graceful: false }),
      "operation-invalid",
      "domain is not running",
    );
    await power.start(uuid, { paused: true });
    expect(await state()).to.equal("paused");
    await power.destroy(uuid, { graceful: false });
    expect(await state()).to.equal("shutoff");
  });

  const writeNode = (content: string): string => {
    const path = join(folder, "node.xml");
    writeFileSync(path, content);
    return `test://${path}`;
  };

  it("has libvirt's default domain, running", async () => {
    const { toolstack } = await provider().open("test:///default");
    const [domain, another] = await toolstack.listDomains();
    expect(another).to.equal(undefined);
    expect(domain).to.include({ name: "test", id: 1, state: "running", persistent: true });
    const theirs = virsh("test:///default", "dumpxml", "--inactive", "test").trim();
    expect(domain?.definition.xml).to.equal(theirs);
    expect(toolstack.touchesImages).to.equal(false);
    expect(toolstack.rules.name).to.equal("test");
  });

  it("opens a world of its own each time", async () => {
    const first = await provider().open("test:///default");
    await first.toolstack.registry?.define(guest("new", ""));
    const second = await provider().open("test:///default");
    expect(await second.toolstack.listDomains()).to.have.length(1);
  });

  it("reads a node document as virsh does: states, ids, transience, files", async () => {
    const extension = "xmlns:t='http://libvirt.org/schemas/domain/test/1.0'";
    writeFileSync(join(folder, "dom.xml"), guest("from-file", ""));
    const uri = writeNode(`<node>
      <cpu><mhz>6000</mhz></cpu>
      <domain file='dom.xml'/>
      ${guest("paused", "<t:runstate>3</t:runstate>", extension)}
      ${guest("off", "<t:runstate>5</t:runstate>", extension)}
      ${guest("gone", "<t:transient/><t:runstate>1</t:runstate>", extension)}
      ${guest("plain", "")}
      <network><name>n</name></network>
    </node>`);
    const { toolstack } = await provider().open(uri);
    const rows = (await toolstack.listDomains()).map(
      ({ id, name, state }) => `${id ?? "-"} ${name} ${state}`,
    );
    const theirs = virsh(uri, "list", "--all").trim().split("\n");
    const normal = theirs.map((row) =>
      row.trim().replace("shut off", "shutoff").split(/\s+/).join(" "),
    );
    expect(rows.sort()).to.deep.equal(normal.sort());
    const gone = await toolstack.findDomain("gone");
    expect(gone.persistent).to.equal(false);
    expect(gone.definition.xml).not.to.match(/runstate|xmlns/);
  });

  it("finds the test driver's elements by their namespace on the node as well", async () => {
    const uri = writeNode(`<node xmlns:x='http://libvirt.org/schemas/domain/test/1.0'>
      ${guest("off", "<x:runstate>5</x:runstate>")}</node>`);
    const { toolstack } = await provider().open(uri);
    expect((await toolstack.findDomain("off")).state).to.equal("shutoff");
    expect(virsh(uri, "domstate", "off").trim()).to.equal("shut off");
  });

  it("brings the snapshots of a node document along", async () => {
    const uri = writeNode(withSnapshots(record("s1", 0), record("s2", 1, "s1")));
    const { toolstack, store } = await provider().open(uri);
    const { uuid } = await toolstack.findDomain("guest");
    const { heads, current } = await store.index(uuid);
    expect(heads.map((head) => head.name)).to.deep.equal(["s1", "s2"]);
    expect(current).to.equal("s2");
    expect(virsh(uri, "snapshot-current", "--name", "guest").trim()).to.equal("s2");
    expect((await store.read(uuid, "s1")).domainUuid).to.equal(uuid);
  });

  describe("refuses in libvirt's words", () => {
    const extension = "xmlns:t='http://libvirt.org/schemas/domain/test/1.0'";
    const state = (text: string) => `<node>${guest("g", text, extension)}</node>`;
    const documents: Record<string, string> = {
      "another root": "<domain/>",
      "a state out of range": state("<t:runstate>9</t:runstate>"),
      "a state that is no number": state("<t:runstate>x</t:runstate>"),
      "a transient domain that is off": state("<t:transient/><t:runstate>5</t:runstate>"),
      "a file that is not there": "<node><domain file='/no/such.xml'/></node>",
      "two current snapshots": withSnapshots(record("a", 1), record("b", 1)),
      "a snapshot without its parent": withSnapshots(record("a", 1, "lost")),
      "a snapshot that is current or not": withSnapshots(record("a", undefined)),
    };
    for (const [kind, content] of Object.entries(documents))
      it(kind, async () => {
        const uri = writeNode(content);
        const ours = await provider()
          .open(uri)
          .catch((thrown: unknown) => thrown);
        expect(ours).to.be.instanceOf(Error).with.property("message", virshComplaint(uri));
      });

    it("a URI without a path", async () => {
      const complaint = virshComplaint("test:///");
      const error = await expectError(provider().open("test:///"), "invalid-argument");
      expect(error.message).to.equal(complaint);
    });

    for (const uri of ["test:default", "test://host/default", "test:///default?x", "file:///x", ""])
      it(`the URI '${uri}'`, async () => {
        await expectError(provider().open(uri), "invalid-argument");
      });
  });

  describe("domains", () => {
    let connection: Connection;
    beforeEach(async () => {
      connection = await provider().open("test:///default");
    });
    const run = async (kind: "domain.stop" | "domain.start") => {
      const { toolstack } = connection;
      const domain = { name: "test", uuid: "6695eb01-f6a4-8304-79aa-97f2502e193f" };
      const operation = kind === "domain.start" ? { kind, paused: false } : { kind };
      const signal = new AbortController().signal;
      const evidence = new TestEvidence();
      const context = {
        domain,
        evidence,
        commit: () => Promise.resolve(),
        signal,
        progress: () => undefined,
        warn: () => undefined,
      };
      await tableRunner(toolstack.operations, evidence).run(operation, context);
    };

    it("get a new id with each start", async () => {
      await run("domain.stop");
      expect(await connection.toolstack.findDomain("test")).not.to.have.property("id");
      await run("domain.start");
      expect((await connection.toolstack.findDomain("test")).id).to.equal(2);
    });

    it("live on without their definition until they stop", async () => {
      const { toolstack } = connection;
      const { uuid } = await toolstack.findDomain("test");
      await toolstack.registry?.undefine(uuid);
      expect((await toolstack.findDomain("test")).persistent).to.equal(false);
      await run("domain.stop");
      await expectError(toolstack.findDomain("test"), "no-domain");
      expect(await toolstack.listDomains()).to.deep.equal([]);
    });

    it("take a new definition at their next start", async () => {
      const { toolstack } = connection;
      const before = await toolstack.findDomain("test");
      const xml = before.definition.xml.replace("8388608", "1048576");
      await toolstack.registry?.define(xml);
      const running = await toolstack.findDomain("test");
      expect(running.definition).to.deep.equal(before.definition);
      expect(running.inactiveDefinition?.memoryKib).to.equal(1048576n);
      await run("domain.stop");
      await run("domain.start");
      expect((await toolstack.findDomain("test")).definition.memoryKib).to.equal(1048576n);
    });
  });
});

function guest(name: string, more: string, attributes = ""): string {
  return `<domain type='test' ${attributes}><name>${name}</name><memory>1024</memory>
    <os><type>hvm</type></os>${more}</domain>`;
}

function withSnapshots(...records: string[]): string {
  const extension = "xmlns:test='http://libvirt.org/schemas/domain/test/1.0'";
  return `<node>${guest("guest", records.join(""), extension)}</node>`;
}

function record(name: string, active: number | undefined, parent?: string): string {
  return `<test:domainsnapshot><name>${name}</name><state>running</state>
    ${parent === undefined ? "" : `<parent><name>${parent}</name></parent>`}
    <creationTime>5</creationTime>
    ${active === undefined ? "" : `<active>${active}</active>`}</test:domainsnapshot>`;
}
