import type { Identity } from "../../core/ports/index.js";
import type { ProcessIdentity } from "../../host/process-facts.js";

/** What a guardian is to do when whoever started it dies. All parts are done, in this order. */
export interface LastWill {
  /** Let a guest run that its QEMU has stopped. */
  readonly cont?: StoppedGuest;
  /** Let a guest run that Xen has paused. */
  readonly unpause?: PausedDomain;
  /** Thaw the file systems that the guest's agent has frozen. */
  readonly thaw?: { readonly qemu: ProcessIdentity; readonly agent: string };
  /** How long to try; default 30 s. */
  readonly patienceMs?: number;
}

/** A guest that we have paused, and the QEMU that can tell why it may not go on. */
interface StoppedGuest {
  /** Nothing is done when this very process is gone. */
  readonly qemu: ProcessIdentity;
  /**
   * The monitor at which the guest was stopped, and no other: QEMU greets the next client when it
   * has carried out, or thrown away, all that the last one sent.
   */
  readonly monitor: string;
  /** Its memory is being saved. Unless that is done in the background, it is given up. */
  readonly saving?: boolean;
  /** It changes over to another image, and may go on only when that is finished. */
  readonly changeOver?: ChangeOver;
}

/**
 * A guest changes over from an overlay to the image below, into which QEMU has merged it. Once it
 * has, the overlay is unlinked before the guest goes on. Where it has not, the guest goes on in the
 * overlay; where that cannot be told, or the overlay cannot be unlinked, it stays paused.
 */
export interface ChangeOver {
  /** QEMU's job, which may have to be told to change over. */
  readonly job: string;
  readonly base: string;
  readonly overlay: string;
  /** Of the overlay: whatever else has its name stays. */
  readonly known: readonly Identity[];
}

interface PausedDomain {
  readonly id: number;
  /** Processes that were put to sleep, and may go on, too. */
  readonly sleepers: readonly ProcessIdentity[];
}
