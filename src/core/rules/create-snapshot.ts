import { DomsnapError } from "../errors/index.js";
import {
  isActive,
  type CreateFlags,
  type DiskSnapshot,
  type Domain,
  type DomainSnapshot,
  type MemorySnapshot,
  type SnapshotMode,
  type SnapshotState,
} from "../model/index.js";
import type { ParsedSnapshot, ParseSnapshotOptions } from "../ports/index.js";
import { alignDisks } from "./align-disks.js";
import { disksStandAlone, type DriverRules } from "../model/driver-rules.js";
import type { NamingOptions } from "./external-file-name.js";
import { assertDomainState, assertLiveIsPossible } from "./domain-state.js";
import { assertCreateFlags } from "./flags.js";
import { assertFeasible } from "./feasibility.js";
import { assertSnapshotName, defaultSnapshotName } from "./snapshot-name.js";

/** What a call wants and of whom, before its document is read. */
export interface CreateCall {
  readonly flags: CreateFlags;
  readonly domain: Domain;
  readonly rules: DriverRules;
}

export interface CreateRequest extends CreateCall, Pick<NamingOptions, "probe" | "nameState"> {
  readonly parsed: ParsedSnapshot;
  /** Names of the snapshots that the domain has. */
  readonly existingNames: { has(name: string): boolean };
  /** The domain's current snapshot: the parent of a new one. */
  readonly currentParent?: string | undefined;
  /** Seconds since the epoch. */
  readonly nowSeconds: bigint;
}

/**
 * What libvirt checks before it reads the document, for new snapshots and for redefined ones:
 * the flags, and that a domain which would be gone is not to be halted. Throws `invalid-flags`
 * and `operation-invalid`.
 */
export function assertCreateCall({ flags, domain, rules }: CreateCall): void {
  assertCreateFlags(flags, rules);
  if (flags.halt === true && !domain.persistent)
    throw new DomsnapError("operation-invalid", "cannot halt after transient domain snapshot");
}

/** How the document of a call is to be parsed. */
export function parseOptionsOf({ flags, domain, rules }: CreateCall): ParseSnapshotOptions {
  return {
    redefine: flags.redefine === true,
    offline: rules.parsesOffline && (flags.diskOnly === true || !isActive(domain)),
    validate: flags.validate === true,
  };
}

/**
 * Checks a parsed document that no driver takes whole, before the domain or the tree are looked
 * at; the second step of creating and of redefining. `state` is that of the domain (new) or of the
 * document (redefine). Throws `xml-detail`, `operation-unsupported`, `internal-error`.
 */
export function assertParsed(
  parsed: Pick<ParsedSnapshot, "memory"> & { readonly name: string },
  state: SnapshotState | undefined,
  { flags, domain, rules }: CreateCall,
): void {
  if (flags.noMetadata !== true) assertSnapshotName(parsed.name, rules);
  if (!rules.checksFeasibility) return;
  if (flags.live === true) assertLiveIsPossible(domain, parsed.memory);
  assertDomainState(state, flags);
}

/**
 * A new snapshot, complete and as it will be recorded: name, state, memory, parent, stored
 * definitions and one entry for every disk. Checks everything that can be told from the documents
 * and from what stands at the target paths, in the order of libvirt's QEMU driver; a taken name
 * comes last. Needs `assertCreateCall` and a document parsed with `parseOptionsOf` before.
 */
export function prepareCreate(request: CreateRequest): DomainSnapshot {
  const { parsed, domain, rules, flags } = request;
  const name = parsed.name ?? defaultSnapshotName(request.nowSeconds, request.existingNames, rules);
  assertParsed({ ...parsed, name }, domain.state, request);
  if (rules.manualRefusal !== undefined && parsed.disks.some((disk) => disk.mode === "manual"))
    throw new DomsnapError("operation-unsupported", rules.manualRefusal);
  const { state, memory, defaultMode } = decideKind(request);
  const disks = alignDisks(parsed.disks, domain.definition, {
    snapshotName: name,
    defaultMode,
    uniform: !disksStandAlone(rules, isActive(domain)),
    probe: request.probe,
    nameState: request.nameState,
  }).map((disk) => withDefaultFormat(disk, rules));
  if (rules.checksFeasibility)
    assertFeasible({ ...request, state, memory, disks, reuse: flags.reuseExternal === true });
  if (flags.noMetadata !== true && request.existingNames.has(name))
    throw new DomsnapError("operation-failed", `domain moment ${name} already exists`, {
      hint: "Choose another name; 'domsnap snapshot-list DOMAIN' tells those that are taken.",
    });
  return {
    name,
    ...(parsed.description === undefined ? {} : { description: parsed.description }),
    state,
    ...(request.currentParent === undefined ? {} : { parent: request.currentParent }),
    creationTime: request.nowSeconds,
    memory,
    disks,
    domain: domain.definition,
    ...nextBootDefinition(domain, rules),
  };
}

function nextBootDefinition(
  domain: Domain,
  rules: DriverRules,
): Pick<DomainSnapshot, "inactiveDomain"> {
  const { inactiveDefinition } = domain;
  const recorded = rules.recordsInactiveDefinition && isActive(domain) && inactiveDefinition;
  return recorded ? { inactiveDomain: inactiveDefinition } : {};
}

interface SnapshotKind {
  readonly state: SnapshotState;
  readonly memory: MemorySnapshot;
  readonly defaultMode: SnapshotMode;
}

/** What is taken: disks only, disks and memory in files, or everything inside the images. */
function decideKind({ parsed, domain, flags, rules }: CreateRequest): SnapshotKind {
  const active = isActive(domain);
  const withoutMemory: MemorySnapshot = { mode: "no" };
  if (flags.diskOnly === true)
    return {
      state: active ? "disk-snapshot" : "shutoff",
      memory: withoutMemory,
      defaultMode: "external",
    };
  if (parsed.memory?.mode === "external")
    return { state: domain.state, memory: parsed.memory, defaultMode: "external" };
  if (!active) return { state: domain.state, memory: withoutMemory, defaultMode: "internal" };
  if (rules.checksFeasibility && parsed.memory?.mode === "no")
    throw new DomsnapError(
      "operation-unsupported",
      "internal snapshot of a running VM must include the memory state",
    );
  return { state: domain.state, memory: { mode: "internal" }, defaultMode: "internal" };
}

function withDefaultFormat<Disk extends DiskSnapshot>(disk: Disk, rules: DriverRules): Disk {
  const format = rules.defaultExternalFormat;
  const wanting = disk.mode === "external" && disk.format === undefined;
  return wanting && format !== undefined ? { ...disk, format } : disk;
}
