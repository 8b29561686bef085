import { expect } from "chai";

import { isActive, type Domain } from "../core/model/index.js";
import type { DomainOperation } from "../core/model/operation.js";
import type { DomainRegistry, OperationContext, Toolstack } from "../core/ports/index.js";
import { relocateDisks } from "../xml/index.js";
import { tableRunner, type TableRunner } from "./carry-out.js";
import { expectError } from "./expect-error.js";
import { OTHER_UUID } from "./samples.js";
import { TestEvidence } from "./test-evidence.js";

/** A toolstack with one domain, which has a disk with a file, made anew for each test. */
export interface ToolstackUnderTest {
  readonly toolstack: Toolstack;
  /** Name of the domain. */
  readonly domain: string;
  readonly dispose?: () => Promise<void>;
}

/** How the suite gets toolstacks to test, and what is special with them. */
export interface ToolstackContract {
  readonly open: () => Promise<ToolstackUnderTest>;
  /** False where domains are never active; what starts and stops them is then refused. */
  readonly runsDomains: boolean;
}

/** What every `Toolstack` promises. To be called inside of mocha. */
export function describeToolstack(name: string, contract: ToolstackContract): void {
  describe(`${name} keeps the contract of a toolstack`, () => {
    let subject: ToolstackUnderTest;
    beforeEach(async () => {
      subject = await contract.open();
    });
    afterEach(() => subject.dispose?.());

    const find = () => subject.toolstack.findDomain(subject.domain);

    describe("domains", () => {
      it("lists the domain once, as it is found by its name", async () => {
        const domains = await subject.toolstack.listDomains();
        const listed = domains.filter((domain) => domain.name === subject.domain);
        expect(listed).to.deep.equal([await find()]);
      });

      it("describes a domain by a definition of its name, uuid and disks", async () => {
        const { name, uuid, definition } = await find();
        expect(name).to.equal(subject.domain);
        expect(uuid).to.match(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
        expect(definition).to.include({ name, uuid });
        expect(definition.xml)
          .to.include(uuid)
          .and.match(/^<domain [^]*<\/domain>$/);
        const paths = definition.disks.map((disk) => disk.source?.path ?? "");
        expect(paths.some((path) => path.startsWith("/"))).to.equal(true);
      });

      it("finds a domain by its uuid, however that is written", async () => {
        const domain = await find();
        const spellings = [domain.uuid, domain.uuid.toUpperCase(), domain.uuid.replaceAll("-", "")];
        for (const spelling of spellings)
          expect(await subject.toolstack.findDomain(spelling)).to.deep.equal(domain);
      });

      it("has an id for a domain exactly while it is active", async () => {
        const domain = await find();
        expect(domain.id !== undefined).to.equal(isActive(domain));
        if (domain.id !== undefined)
          expect(await subject.toolstack.findDomain(String(domain.id))).to.deep.equal(domain);
      });

      const unknown = ["no such domain", "", "..", "../x", "a/b", "\0", "4294967295", OTHER_UUID];
      for (const reference of unknown)
        it(`does not find ${JSON.stringify(reference)}`, async () => {
          const detail = `no domain with matching name '${reference}'`;
          await expectError(subject.toolstack.findDomain(reference), "no-domain", detail);
        });
    });

    describe("operations", () => {
      const replacement = (domain: Domain): DomainOperation => {
        const previous = domain.inactiveDefinition ?? domain.definition;
        const [disk] = previous.disks;
        const definition = relocateDisks(previous, [
          { target: disk?.target ?? "", type: "file", source: { path: "/new" }, format: "qcow2" },
        ]);
        return { kind: "domain.define", definition, previous };
      };
      const stored = async () => {
        const domain = await find();
        return (domain.inactiveDefinition ?? domain.definition).xml;
      };

      it("replaces the stored definition, and puts it back", async () => {
        const handler = runnerOf(subject.toolstack);
        const domain = await find();
        const context = contextOf(domain);
        const operation = replacement(domain) as Extract<
          DomainOperation,
          { kind: "domain.define" }
        >;
        expect(await handler.settle(operation, context)).to.equal("not-done");
        await handler.undo(operation, context);
        expect(await stored()).to.equal(operation.previous.xml);
        for (let time = 1; time <= 2; time++) {
          await handler.run(operation, context);
          expect(await handler.settle(operation, context)).to.equal("done");
          expect(await stored()).to.equal(operation.definition.xml);
        }
        for (let time = 1; time <= 2; time++) {
          await handler.undo(operation, context);
          expect(await handler.settle(operation, context)).to.equal("not-done");
          expect(await stored()).to.equal(operation.previous.xml);
        }
      });

      if (contract.runsDomains) describeRunning(() => subject, find);
      else
        for (const operation of RUN_STATES)
          it(`has nobody for '${operation.kind}', since domains never run`, () => {
            expect(subject.toolstack.operations).not.to.have.property(operation.kind);
          });
    });

    describe("registry, if it keeps definitions", () => {
      const withRegistry = (work: (registry: DomainRegistry, domain: Domain) => Promise<void>) =>
        async function () {
          const { registry } = subject.toolstack;
          if (registry) await work(registry, await find());
          else expect(subject.toolstack).not.to.have.property("registry");
        };

      it(
        "takes a definition back in, any number of times",
        withRegistry(async (registry, domain) => {
          const { xml } = domain.inactiveDefinition ?? domain.definition;
          await registry.define(xml);
          const defined = await registry.define(xml);
          expect(defined.uuid).to.equal(domain.uuid);
          expect(await subject.toolstack.listDomains()).to.have.length(1);
          expect(await find()).to.deep.equal(defined);
        }),
      );

      it(
        "makes up a uuid for a new domain, and forgets it again",
        withRegistry(async (registry, domain) => {
          const xml = domain.definition.xml
            .replace(/ *<uuid>.*\n/, "")
            .replace(/<name>.*<\/name>/, "<name>neu &amp; schön</name>");
          const defined = await registry.define(xml);
          expect(defined.uuid).not.to.equal(domain.uuid);
          expect(defined).to.include({ name: "neu & schön", state: "shutoff", persistent: true });
          expect(defined.definition.xml).to.match(/<name>.*<\/name>\n {2}<uuid>.{36}<\/uuid>\n/);
          expect(await subject.toolstack.findDomain("neu & schön")).to.deep.equal(defined);
          await registry.undefine(defined.uuid);
          await expectError(subject.toolstack.findDomain(defined.uuid), "no-domain");
          await expectError(registry.undefine(defined.uuid), "no-domain");
        }),
      );

      it(
        "refuses a name with another uuid, and a uuid with another name",
        withRegistry(async (registry, { name, uuid, definition }) => {
          await expectError(
            registry.define(definition.xml.replace(uuid, OTHER_UUID)),
            "operation-failed",
            `domain '${name}' already exists with uuid ${uuid}`,
          );
          await expectError(
            registry.define(definition.xml.replace(/<name>.*<\/name>/, "<name>other</name>")),
            "operation-failed",
            `domain '${name}' is already defined with uuid ${uuid}`,
          );
          expect((await find()).definition).to.deep.equal(definition);
        }),
      );

      it(
        "refuses a name that could be a path",
        withRegistry(async (registry, { definition }) => {
          const xml = definition.xml
            .replace(/<uuid>.*<\/uuid>/, "")
            .replace(/<name>.*<\/name>/, "<name>../x</name>");
          await expectError(registry.define(xml), "xml-error", "name ../x cannot contain '/'");
        }),
      );
    });
  });
}

const RUN_STATES: readonly DomainOperation[] = [
  { kind: "domain.start", paused: false },
  { kind: "domain.start", paused: true },
  { kind: "domain.pause" },
  { kind: "domain.resume" },
  { kind: "domain.stop" },
];

/** Each step takes the domain from the state of the step before. */
const STEPS: readonly { readonly operation: DomainOperation; readonly state: Domain["state"] }[] = [
  { operation: { kind: "domain.start", paused: false }, state: "running" },
  { operation: { kind: "domain.pause" }, state: "paused" },
  { operation: { kind: "domain.resume" }, state: "running" },
  { operation: { kind: "domain.stop" }, state: "shutoff" },
  { operation: { kind: "domain.start", paused: true }, state: "paused" },
  { operation: { kind: "domain.stop" }, state: "shutoff" },
];

function describeRunning(subject: () => ToolstackUnderTest, find: () => Promise<Domain>): void {
  it("starts, pauses, resumes and stops, each also twice, and undoes a pause", async () => {
    const handler = runnerOf(subject().toolstack);
    const context = contextOf(await find());
    await handler.run({ kind: "domain.stop" }, context);
    for (const { operation, state } of STEPS) {
      const before = await find();
      expect(await handler.settle(operation, context)).to.equal("not-done");
      await handler.run(operation, context);
      if (operation.kind === "domain.pause") {
        await handler.undo(operation, context);
        await handler.undo(operation, context);
        expect((await find()).state, "after undoing a pause").to.equal(before.state);
        await handler.run(operation, context);
      }
      await handler.run(operation, context);
      expect(await handler.settle(operation, context)).to.equal("done");
      expect((await find()).state, `after ${operation.kind}`).to.equal(state);
    }
  });
}

const evidence = new TestEvidence();

function runnerOf({ operations }: Toolstack): TableRunner {
  return tableRunner(operations, evidence);
}

function contextOf({ name, uuid }: Domain): OperationContext {
  return {
    domain: { name, uuid },
    evidence,
    commit: () => Promise.resolve(),
    signal: new AbortController().signal,
    progress: () => undefined,
    warn: () => undefined,
  };
}
