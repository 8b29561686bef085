import { DomsnapError } from "../../errors/index.js";
import { isActive, type CreateFlags, type Domain, type DomainSnapshot } from "../../model/index.js";
import type { Capture } from "../../model/operation.js";
import type { AssignedStep, LiveFacts } from "../../plan/plan-create.js";
import { assignBackends, diskAssessor, type AssignedDisk } from "../shared/choose-backend.js";
import type { ServiceContext } from "../shared/context.js";
import { stillWarning } from "./still-warning.js";

/**
 * A backend for every disk that takes part. Throws `operation-unsupported` for an active domain
 * whose toolstack has no way into it, and `disk-unsupported` with all that backends refuse.
 */
export async function assignDisks(
  context: ServiceContext,
  domain: Domain,
  snapshot: DomainSnapshot,
): Promise<AssignedDisk[]> {
  const { toolstack } = context.connection;
  const live = isActive(domain);
  if (live && !toolstack.live)
    throw new DomsnapError(
      "operation-unsupported",
      `domain '${domain.name}' is ${domain.state}; snapshots of active domains are not supported by '${toolstack.uri}'`,
      { hint: "shut the domain down first" },
    );
  return assignBackends(
    context.backends,
    domain.definition,
    snapshot.disks,
    { verb: "create", live, captured: live },
    await diskAssessor(toolstack, domain),
  );
}

/**
 * How an active domain is taken; undefined for one that is off. Throws `argument-unsupported` for
 * what needs a guest agent that it has not, `operation-invalid` for one that is paused, `image-conflict` where the memory's file has no place, and
 * `disk-unsupported` for disks that keep their path, which the hypervisor would not notice.
 */
export function liveFacts(
  context: ServiceContext,
  domain: Domain,
  snapshot: DomainSnapshot,
  disks: readonly AssignedDisk[],
  flags: CreateFlags,
): LiveFacts | undefined {
  if (!isActive(domain)) return undefined;
  if (flags.quiesce === true) assertQuiescible(context, domain);
  const foreign = disks.find(({ backend }) => backend.keepsPaths === true);
  if (foreign)
    throw new DomsnapError(
      "disk-unsupported",
      `disk '${foreign.disk.name}' of an active domain cannot be frozen by '${context.connection.toolstack.uri}'`,
      { hint: "shut the domain down first" },
    );
  const memory = memoryOf(context, snapshot);
  return {
    ...(memory ? { memory } : {}),
    live: flags.live === true,
    pausesToSave: context.connection.toolstack.live?.pausesToSave === true,
    quiesce: flags.quiesce === true,
  };
}

/** Whether anybody answers is found out when it is done. */
function assertQuiescible({ connection }: ServiceContext, domain: Domain): void {
  if (domain.state !== "running")
    throw new DomsnapError("operation-invalid", "domain is not running", {
      hint: "the guest agent that --quiesce needs answers only while the guest runs",
    });
  if (connection.toolstack.live?.hasGuestAgent(domain) === true) return;
  throw new DomsnapError("argument-unsupported", "QEMU guest agent is not configured", {
    hint: "add a <channel> with target name 'org.qemu.guest_agent.0' to the definition, or leave --quiesce out: what the guest has not written yet is then not in the snapshot",
  });
}

function memoryOf({ probe }: ServiceContext, { memory }: DomainSnapshot): Capture["memory"] {
  if (memory?.mode === "internal") return { mode: "internal" };
  if (memory?.mode !== "external" || memory.file === undefined) return undefined;
  const fact = probe(memory.file);
  const empty = fact.kind === "regular" && fact.sizeBytes === 0;
  if (fact.kind !== "absent" && !empty)
    throw new DomsnapError("image-conflict", `file '${memory.file}' already exists`, {
      hint: "remove it, or name another file for the memory",
    });
  return { mode: "external", file: memory.file, before: empty ? "empty" : "absent" };
}

/** `--live` where it cannot be had is no error: the guest only stands still for longer. */
export function stillWarnings(
  { connection: { toolstack } }: ServiceContext,
  { memory, live }: LiveFacts,
): string[] {
  if (!live || !memory || toolstack.live?.savesMemoryLive === true) return [];
  return [stillWarning(toolstack.uri)];
}

const MIB = 1024 * 1024;
/** Of disks that are common, slow and fast, in megabytes a second. */
const WRITE_SPEEDS = [100, 500];

/** How long a guest will stand still whose memory is saved in the act of pausing it. */
export function pauseWarnings(
  { state, definition }: Domain,
  { memory, pausesToSave }: LiveFacts,
): string[] {
  if (!memory || pausesToSave !== true || state !== "running") return [];
  const bytes = Number(definition.memoryKib) * 1024;
  const times = WRITE_SPEEDS.map(
    (speed) => `about ${Math.ceil(bytes / (speed * 1e6))} s at ${speed} MB/s`,
  );
  return [
    `the guest stands still while its memory (${Math.ceil(bytes / MIB)} MiB) is written: ${times.join(", ")}`,
  ];
}

/** A guest that stands still while a disk is copied is not what most people expect. */
export function copyWarnings(steps: readonly AssignedStep[], { quiesce }: LiveFacts): string[] {
  const copied = steps.filter(({ keeps }) => keeps === "copy");
  const frozen = quiesce && copied.length > 0 ? [FROZEN_WHILE_COPIED] : [];
  const copies = copied.map(
    ({ target, image }) =>
      `disk '${target}': the guest stands still while '${image.path}' is copied whole; that is ` +
      "short where the file system can share blocks (reflink), and else takes as long as the copy",
  );
  return [...copies, ...frozen];
}

const FROZEN_WHILE_COPIED =
  "the guest's file systems stay frozen until the last disk is copied; some guests give up earlier";
