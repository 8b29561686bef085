import { DomsnapError } from "../../errors/index.js";
import { isActive, type Domain, type DomainSnapshot } from "../../model/index.js";
import type { GuestFacts } from "../../plan/decide-create.js";
import type { AssignedStep, LiveFacts } from "../../plan/plan-create.js";
import { assignBackends, diskAssessor, type AssignedDisk } from "../shared/choose-backend.js";
import type { ServiceContext } from "../shared/context.js";
import { vainLiveWarning } from "./vain-live-warning.js";

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
      { hint: "Shut the domain down first." },
    );
  return assignBackends(
    context.backends,
    domain.definition,
    snapshot.disks,
    { verb: "create", live, captured: live },
    await diskAssessor(toolstack, domain),
  );
}

/** What there is to know of the way into an active domain whose images are touched. */
export function guestFacts({ connection }: ServiceContext, domain: Domain): GuestFacts | undefined {
  const { uri, live, touchesImages } = connection.toolstack;
  if (!isActive(domain) || !touchesImages) return undefined;
  return {
    uri,
    hasGuestAgent: live?.hasGuestAgent(domain) === true,
    pausesToSave: live?.pausesToSave === true,
  };
}

/** `--live` where it cannot be had is no error: the guest is only paused for longer. */
export function vainLiveWarnings(
  { connection: { toolstack } }: ServiceContext,
  { memory, live }: LiveFacts,
): string[] {
  if (!live || !memory || toolstack.live?.savesMemoryLive === true) return [];
  return [vainLiveWarning(toolstack.uri)];
}

const MIB = 1024 * 1024;
/** Of disks that are common, slow and fast, in megabytes a second. */
const WRITE_SPEEDS = [100, 500];

/** How long a guest will be paused whose memory is saved in the act of pausing it. */
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
    `the guest is paused while its memory (${Math.ceil(bytes / MIB)} MiB) is written: ${times.join(", ")}`,
  ];
}

/** A guest that is paused while a disk is copied is not what most people expect. */
export function copyWarnings(steps: readonly AssignedStep[], { quiesce }: LiveFacts): string[] {
  const copied = steps.filter(({ keeps }) => keeps === "copy");
  const frozen = quiesce && copied.length > 0 ? [FROZEN_WHILE_COPIED] : [];
  const copies = copied.map(
    ({ target, image }) =>
      `disk '${target}': the guest is paused while '${image.path}' is copied whole; that is ` +
      "short where the file system can share blocks (reflink), and else takes as long as the copy",
  );
  return [...copies, ...frozen];
}

const FROZEN_WHILE_COPIED =
  "the guest's file systems stay frozen until the last disk is copied; some guests give up earlier";
