import { picklist } from "valibot";

import { DomsnapError } from "../../core/errors/index.js";
import { unlinkDurably } from "../../host/durable-files.js";
import { readStateFile, writeStateFile } from "../../host/state-files.js";
import { AgentClient, WholeNumber } from "./agent-client.js";

export interface AgentTimeouts {
  /** Until a program that answers at all has answered. */
  readonly syncMs: number;
  /** Until everything that the guest has in its caches is on its disks. */
  readonly freezeMs: number;
  /** Until the guest has thawed; also how long to wait for an agent that is still freezing. */
  readonly thawMs: number;
}

const AGENT_TIMEOUTS: AgentTimeouts = { syncMs: 10_000, freezeMs: 60_000, thawMs: 30_000 };

export interface FreezePlace {
  /** The socket of the agent's channel. */
  readonly socket: string;
  /**
   * A file that is there while the file systems may be frozen by us: written before the agent is
   * asked, removed when the thaw is verified. Whoever starts the guest anew removes it.
   */
  readonly marker: string;
}

const Status = picklist(["thawed", "frozen"]);

/** Freezes and thaws the file systems of a running guest through its agent. */
export class FileSystemFreeze {
  constructor(private readonly timeouts: AgentTimeouts = AGENT_TIMEOUTS) {}

  /**
   * Freezes all file systems that the agent can, and gives the time since when they are, by the
   * clock of `performance`. Repeatable. Throws `agent-unresponsive`,
   * `agent-failed` (the agent's words; frozen by somebody else; nothing there to freeze),
   * `cancelled`. Unless the marker is missing then, they may be frozen: `thaw` has to follow.
   */
  async freeze(place: FreezePlace, signal: AbortSignal): Promise<number> {
    const { syncMs, freezeMs } = this.timeouts;
    let frozenSinceMs = performance.now();
    await withAgent(place, { syncTimeoutMs: syncMs, signal }, async (agent) => {
      const frozen = (await statusOf(agent, syncMs)) === "frozen";
      if (frozen && this.mayBeFrozen(place)) return;
      if (frozen)
        throw new DomsnapError("agent-failed", "the guest's file systems are frozen already", {
          hint: "Thaw them with the program that froze them.",
        });
      await writeStateFile(place.marker, "");
      const options = { timeoutMs: freezeMs, signal };
      frozenSinceMs = performance.now();
      const count = await agent.execute("guest-fsfreeze-freeze", WholeNumber, options);
      if (count <= 0)
        throw new DomsnapError("agent-failed", "the guest has no file system that can be frozen", {
          hint: "Leave --quiesce out: there is nothing to quiesce.",
        });
    });
    return frozenSinceMs;
  }

  /**
   * Thaws what was frozen through this place, and asks the agent whether that is so. Does nothing
   * when nothing was. Throws as `freeze`; the file systems may then still be frozen.
   */
  async thaw(place: FreezePlace): Promise<void> {
    if (!this.mayBeFrozen(place)) return;
    const { thawMs } = this.timeouts;
    await withAgent(place, { syncTimeoutMs: thawMs }, async (agent) => {
      if ((await statusOf(agent, thawMs)) === "frozen")
        await agent.execute("guest-fsfreeze-thaw", WholeNumber, { timeoutMs: thawMs });
      if ((await statusOf(agent, thawMs)) === "frozen")
        throw new DomsnapError("agent-failed", "the guest's file systems are still frozen");
    }).catch((thrown: unknown) => {
      throw stillFrozen(thrown);
    });
    await this.forget(place);
  }

  /** For a guest that has ended: nothing of it is frozen any more. */
  async forget({ marker }: FreezePlace): Promise<void> {
    await unlinkDurably(marker);
  }

  mayBeFrozen({ marker }: FreezePlace): boolean {
    return readStateFile(marker, 1) !== undefined;
  }
}

function statusOf(agent: AgentClient, timeoutMs: number) {
  return agent.execute("guest-fsfreeze-status", Status, { timeoutMs });
}

async function withAgent(
  { socket }: FreezePlace,
  options: Parameters<typeof AgentClient.connect>[1],
  work: (agent: AgentClient) => Promise<void>,
): Promise<void> {
  const agent = await AgentClient.connect(socket, options);
  try {
    await work(agent);
  } finally {
    agent.close();
  }
}

function stillFrozen(thrown: unknown): unknown {
  if (!(thrown instanceof DomsnapError)) return thrown;
  return new DomsnapError(
    thrown.code,
    `the guest's file systems could not be thawed: ${thrown.detail}`,
    { cause: thrown, hint: "Start the agent in the guest again, or reset the guest." },
  );
}
