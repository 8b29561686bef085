import { asDomsnapError } from "../../core/errors/index.js";
import {
  CREATE_FLAGS,
  DELETE_FLAGS,
  flagsOfBits,
  LIST_FLAGS,
  REVERT_FLAGS,
  type Domain,
  type SnapshotHead,
} from "../../core/model/index.js";
import type { WireDomain, WireSnapshot } from "../../rpc/index.js";
import { JOB_OPERATION } from "../state/job-board.js";
import type { Answers, Caller } from "./answer.js";
import { domainOf, wireDomain } from "./domain-of.js";
import { secretsRefused } from "./domains.js";
import { assertFlags } from "./flags.js";
import { tellOfHalt, tellOfRevert } from "./snapshot-events.js";

const XML_SECURE = 1;
/** One bit with two meanings: the roots of a domain, and all that is below a snapshot. */
const DESCENDANTS = LIST_FLAGS.roots;

/** All that libvirt has of snapshots. Flags are checked by the rules of the connection's driver. */
export const snapshotAnswers: Answers = {
  domainSnapshotCreateXml: async ({ domain, xml, flags }, caller) => {
    const { service, jobs } = caller.hypervisor;
    const before = await domainOf(caller, domain);
    const wanted = flagsOfBits(CREATE_FLAGS, flags);
    const { snapshot } = await jobs.run(wireDomain(before), JOB_OPERATION.snapshot, (options) =>
      service.create(before.uuid, xml, wanted, options),
    );
    const after = wanted.halt ? await findAfter(caller, before) : undefined;
    if (after) tellOfHalt(caller.hypervisor, before, after);
    return { value: wireSnapshot(before, snapshot) };
  },
  domainSnapshotGetXmlDesc: async ({ snapshot, flags }, caller) => {
    assertFlags(caller, "DomainSnapshotGetXMLDesc", flags, XML_SECURE);
    const secure = (flags & XML_SECURE) !== 0;
    if (secure && caller.isReadOnly) throw secretsRefused("virDomainSnapshotGetXMLDesc");
    const { uuid } = await domainOf(caller, snapshot.domain);
    return { value: await caller.hypervisor.service.getXml(uuid, snapshot.name, { secure }) };
  },
  domainSnapshotNum: async ({ domain, flags }, caller) => ({
    value: (await listAll(caller, domain, flags)).heads.length,
  }),
  domainSnapshotListNames: async ({ domain, max, flags }, caller) => ({
    value: namesOf((await listAll(caller, domain, flags)).heads, max),
  }),
  domainListAllSnapshots: async ({ domain, needResults, flags }, caller) =>
    listOf(await listAll(caller, domain, flags), needResults),
  domainSnapshotNumChildren: async ({ snapshot, flags }, caller) => ({
    value: (await listBelow(caller, snapshot, flags)).heads.length,
  }),
  domainSnapshotListChildrenNames: async ({ snapshot, max, flags }, caller) => ({
    value: namesOf((await listBelow(caller, snapshot, flags)).heads, max),
  }),
  domainSnapshotListAllChildren: async ({ snapshot, needResults, flags }, caller) =>
    listOf(await listBelow(caller, snapshot, flags), needResults),
  domainSnapshotLookupByName: async ({ domain, name, flags }, caller) => {
    assertFlags(caller, "DomainSnapshotLookupByName", flags);
    const found = await domainOf(caller, domain);
    const { head } = await caller.hypervisor.service.info(found.uuid, name);
    return { value: wireSnapshot(found, head) };
  },
  domainHasCurrentSnapshot: async ({ domain, flags }, caller) => {
    assertFlags(caller, "DomainHasCurrentSnapshot", flags);
    const { uuid } = await domainOf(caller, domain);
    const { current } = await caller.hypervisor.service.list(uuid);
    return { value: current === undefined ? 0 : 1 };
  },
  domainSnapshotCurrent: async ({ domain, flags }, caller) => {
    assertFlags(caller, "DomainSnapshotCurrent", flags);
    const found = await domainOf(caller, domain);
    const name = await caller.hypervisor.service.current(found.uuid);
    return { value: wireSnapshot(found, { name }) };
  },
  domainSnapshotGetParent: async ({ snapshot, flags }, caller) => {
    assertFlags(caller, "DomainSnapshotGetParent", flags);
    const found = await domainOf(caller, snapshot.domain);
    const name = await caller.hypervisor.service.parent(found.uuid, snapshot.name);
    return { value: wireSnapshot(found, { name }) };
  },
  domainSnapshotIsCurrent: async ({ snapshot, flags }, caller) => {
    assertFlags(caller, "DomainSnapshotIsCurrent", flags);
    return { value: (await infoOf(caller, snapshot)).current ? 1 : 0 };
  },
  domainSnapshotHasMetadata: async ({ snapshot, flags }, caller) => {
    assertFlags(caller, "DomainSnapshotHasMetadata", flags);
    // A snapshot without a record is none that anybody could name.
    await infoOf(caller, snapshot);
    return { value: 1 };
  },
  domainRevertToSnapshot: async ({ snapshot, flags }, caller) => {
    const { service, jobs } = caller.hypervisor;
    const before = await domainOf(caller, snapshot.domain);
    const wanted = flagsOfBits(REVERT_FLAGS, flags);
    await jobs.run(wireDomain(before), JOB_OPERATION.revert, (options) =>
      service.revert(before.uuid, snapshot.name, wanted, options),
    );
    const after = await findAfter(caller, before);
    if (after) tellOfRevert(caller.hypervisor, before, after);
    return undefined;
  },
  domainSnapshotDelete: async ({ snapshot, flags }, caller) => {
    const { service, jobs } = caller.hypervisor;
    const domain = await domainOf(caller, snapshot.domain);
    const wanted = flagsOfBits(DELETE_FLAGS, flags);
    await jobs.run(wireDomain(domain), JOB_OPERATION.delete, (options) =>
      service.delete(domain.uuid, snapshot.name, wanted, options),
    );
    return undefined;
  },
};

interface Listing {
  readonly domain: Domain;
  readonly heads: readonly SnapshotHead[];
}

async function listAll(caller: Caller, domain: WireDomain, flags: number): Promise<Listing> {
  const found = await domainOf(caller, domain);
  const query = { flags: flagsOfBits(LIST_FLAGS, flags) };
  const { heads } = await caller.hypervisor.service.list(found.uuid, query);
  return { domain: found, heads };
}

async function listBelow(caller: Caller, snapshot: WireSnapshot, flags: number): Promise<Listing> {
  const domain = await domainOf(caller, snapshot.domain);
  const { heads } = await caller.hypervisor.service.list(domain.uuid, {
    from: snapshot.name,
    descendants: (flags & DESCENDANTS) !== 0,
    flags: flagsOfBits(LIST_FLAGS, flags & ~DESCENDANTS),
  });
  return { domain, heads };
}

async function infoOf(caller: Caller, { name, domain }: WireSnapshot) {
  const { uuid } = await domainOf(caller, domain);
  return caller.hypervisor.service.info(uuid, name);
}

/** A domain without a definition is gone when it has stopped. */
async function findAfter(caller: Caller, before: Domain): Promise<Domain | undefined> {
  try {
    return await domainOf(caller, wireDomain(before));
  } catch (thrown) {
    if (asDomsnapError(thrown).code === "no-domain") return undefined;
    throw thrown;
  }
}

function listOf({ domain, heads }: Listing, needResults: number) {
  return {
    list: needResults ? heads.map((head) => wireSnapshot(domain, head)) : [],
    count: heads.length,
  };
}

function namesOf(heads: readonly SnapshotHead[], max: number): string[] {
  return heads.slice(0, Math.max(max, 0)).map(({ name }) => name);
}

function wireSnapshot(domain: Domain, { name }: Pick<SnapshotHead, "name">): WireSnapshot {
  return { name, domain: wireDomain(domain) };
}
