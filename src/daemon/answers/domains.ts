import { DomsnapError } from "../../core/errors/index.js";
import { isActive, type Domain, type DomainState } from "../../core/model/index.js";
import type { WireDomain } from "../../rpc/index.js";
import { domainResources, withoutSecurityInfo } from "../../xml/index.js";
import { notSupported } from "../failure.js";
import { LIFECYCLE } from "../state/event-hub.js";
import type { Answers, Caller } from "./answer.js";
import { DOMAIN_FILTER_BITS, filterDomains } from "./domain-filter.js";
import { domainNamed, domainOf, domainWithId, wireDomain } from "./domain-of.js";
import { assertFlags } from "./flags.js";

/** libvirt: virDomainState. */
const STATE_NUMBER: Readonly<Record<DomainState, number>> = {
  nostate: 0,
  running: 1,
  blocked: 2,
  paused: 3,
  shutdown: 4,
  shutoff: 5,
  crashed: 6,
  pmsuspended: 7,
};

/** libvirt: virDomainXMLFlags; `UPDATE_CPU` and `MIGRATABLE` change nothing here. */
const XML_SECURE = 1;
const XML_INACTIVE = 2;
const XML_FLAGS = XML_SECURE | XML_INACTIVE | 4 | 8;

/** libvirt: virDomainUndefineFlagsValues; what there is nothing of here is no reason to refuse. */
const UNDEFINE_SNAPSHOTS_METADATA = 2;
const UNDEFINE_FLAGS = 1 | UNDEFINE_SNAPSHOTS_METADATA | 16;

/** Which part of virDomainGetVcpusFlags is asked for: the most that there may be. */
const VCPUS_MAXIMUM = 4;
const VCPUS_FLAGS = 1 | 2 | VCPUS_MAXIMUM;

/** Lists, look-ups, descriptions and definitions. */
export const domainAnswers: Answers = {
  connectListAllDomains: async ({ needResults, flags }, caller) => {
    assertFlags(caller, "ConnectListAllDomains", flags, DOMAIN_FILTER_BITS);
    const { service } = caller.hypervisor;
    const domains = await filterDomains(await service.listDomains(), flags, async ({ uuid }) => {
      const { heads } = await service.list(uuid);
      return heads.length > 0;
    });
    return { list: needResults ? domains.map(wireDomain) : [], count: domains.length };
  },
  connectNumOfDomains: async (_args, caller) => ({ value: (await active(caller)).length }),
  connectListDomains: async ({ value }, caller) => ({
    value: (await active(caller)).map((domain) => wireDomain(domain).id).slice(0, atLeast0(value)),
  }),
  connectNumOfDefinedDomains: async (_args, caller) => ({ value: (await inactive(caller)).length }),
  connectListDefinedDomains: async ({ value }, caller) => ({
    value: (await inactive(caller)).map(({ name }) => name).slice(0, atLeast0(value)),
  }),
  domainLookupById: async ({ value }, caller) => ({
    value: wireDomain(await domainWithId(caller, value)),
  }),
  domainLookupByName: async ({ value }, caller) => ({
    value: wireDomain(await domainNamed(caller, value)),
  }),
  domainLookupByUuid: async ({ value }, caller) => ({
    value: wireDomain(await domainOf(caller, { uuid: value, name: "", id: -1 })),
  }),
  domainGetState: async ({ domain, flags }, caller) => {
    assertFlags(caller, "DomainGetState", flags);
    const found = await domainOf(caller, domain);
    return { state: STATE_NUMBER[found.state], reason: caller.hypervisor.reasons.of(found) };
  },
  domainGetInfo: async ({ value }, caller) => {
    const { state, definition } = await domainOf(caller, value);
    const { currentMemoryKib, vcpus } = domainResources(definition);
    return {
      state: STATE_NUMBER[state],
      maxMemoryKib: definition.memoryKib,
      memoryKib: currentMemoryKib,
      vcpus,
      cpuTimeNs: 0n,
    };
  },
  domainGetXmlDesc: async ({ domain, flags }, caller) => {
    assertFlags(caller, "DomainGetXMLDesc", flags, XML_FLAGS);
    const isSecure = (flags & XML_SECURE) !== 0;
    if (isSecure && caller.isReadOnly) throw secretsRefused("virDomainGetXMLDesc");
    const found = await domainOf(caller, domain);
    const xml = definitionText(found, (flags & XML_INACTIVE) !== 0);
    return { value: `${isSecure ? xml : withoutSecurityInfo(xml)}\n` };
  },
  domainGetOsType: async ({ value }, caller) => {
    const { osType } = (await domainOf(caller, value)).definition;
    if (osType === undefined) throw notSupported("virDomainGetOSType");
    return { value: osType };
  },
  domainGetMaxMemory: async ({ value }, caller) => ({
    value: (await domainOf(caller, value)).definition.memoryKib,
  }),
  domainGetVcpusFlags: async ({ domain, flags }, caller) => {
    assertFlags(caller, "DomainGetVcpusFlags", flags, VCPUS_FLAGS);
    const { maxVcpus, vcpus } = domainResources((await domainOf(caller, domain)).definition);
    return { value: (flags & VCPUS_MAXIMUM) === 0 ? vcpus : maxVcpus };
  },
  domainGetMaxVcpus: async ({ value }, caller) => ({
    value: domainResources((await domainOf(caller, value)).definition).maxVcpus,
  }),
  domainIsActive: async ({ value }, caller) => ({
    value: isActive(await domainOf(caller, value)) ? 1 : 0,
  }),
  domainIsPersistent: async ({ value }, caller) => ({
    value: (await domainOf(caller, value)).persistent ? 1 : 0,
  }),
  domainIsUpdated: async ({ value }, caller) => {
    await domainOf(caller, value);
    return { value: 0 };
  },
  domainGetAutostart: async ({ value }, caller) => {
    await domainOf(caller, value);
    // What xl starts with the host is decided by links that domsnap does not look at.
    if (caller.hypervisor.driver.type === "Xen") throw notSupported("virDomainGetAutostart");
    return { value: 0 };
  },
  domainHasManagedSaveImage: async ({ domain, flags }, caller) => {
    assertFlags(caller, "DomainHasManagedSaveImage", flags);
    await domainOf(caller, domain);
    return { value: 0 };
  },
  domainDefineXml: ({ value }, caller) => define(caller, value),
  domainDefineXmlFlags: ({ xml, flags }, caller) => {
    assertFlags(caller, "DomainDefineXMLFlags", flags);
    return define(caller, xml);
  },
  domainUndefine: ({ value }, caller) => undefine(caller, value, 0),
  domainUndefineFlags: ({ domain, flags }, caller) => {
    assertFlags(caller, "DomainUndefineFlags", flags, UNDEFINE_FLAGS);
    return undefine(caller, domain, flags);
  },
};

/** libvirt's refusal of secrets on a read-only connection. */
export function secretsRefused(api: string): DomsnapError {
  return new DomsnapError("operation-denied", `${api} with secure flag`);
}

async function active({ hypervisor }: Caller): Promise<Domain[]> {
  return (await hypervisor.service.listDomains()).filter(isActive);
}

async function inactive({ hypervisor }: Caller): Promise<Domain[]> {
  return (await hypervisor.service.listDomains()).filter((domain) => !isActive(domain));
}

/** A running guest's document has its id. */
function definitionText(domain: Domain, nextBoot: boolean): string {
  const { definition, inactiveDefinition, id } = domain;
  if (nextBoot) return (inactiveDefinition ?? definition).xml;
  if (!isActive(domain) || id === undefined) return definition.xml;
  return definition.xml.replace(/^<domain( type='[^']*')?/, (start) => `${start} id='${id}'`);
}

async function define(caller: Caller, xml: string): Promise<{ readonly value: WireDomain }> {
  const { service, events } = caller.hypervisor;
  if (!service.registry) throw notSupported("virDomainDefineXML");
  const before = new Set((await service.listDomains()).map(({ uuid }) => uuid));
  const domain = await service.registry.define(xml);
  const { event, added, updated } = LIFECYCLE.defined;
  const detail = before.has(domain.uuid) ? updated : added;
  events.emit({ type: "lifecycle", domain: wireDomain(domain), event, detail });
  return { value: wireDomain(domain) };
}

async function undefine(caller: Caller, domain: WireDomain, flags: number): Promise<undefined> {
  const { service, events } = caller.hypervisor;
  const found = await domainOf(caller, domain);
  await service.undefine(found.uuid, {
    snapshotsMetadata: (flags & UNDEFINE_SNAPSHOTS_METADATA) !== 0,
  });
  const { event, removed } = LIFECYCLE.undefined;
  events.emit({ type: "lifecycle", domain: wireDomain(found), event, detail: removed });
  return undefined;
}

function atLeast0(count: number): number {
  return Math.max(count, 0);
}
