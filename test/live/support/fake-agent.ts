import { renameSync, rmSync } from "node:fs";
import { createServer, type Socket } from "node:net";

/** What a fake agent answers; nothing where nothing is told. */
export interface AgentScript {
  /** Sent instead of an answer to the first message. */
  readonly sync?: string;
  /** Sent before the answer to the first message. */
  readonly garbage?: string;
  /** What it says at first; freezing and thawing change it. Without it, it says nothing at all. */
  readonly status?: "thawed" | "frozen";
  readonly freeze?: number | { readonly error: object };
  readonly thaw?: number;
  readonly diesAfterFreeze?: boolean;
  readonly staysFrozen?: boolean;
}

export interface FakeAgent {
  readonly commands: readonly string[];
  close(): Promise<void>;
}

/** Takes the place of QEMU's end of the agent's channel. */
export async function fakeAgent(path: string, script: AgentScript): Promise<FakeAgent> {
  const real = `${path}.real`;
  renameSync(path, real);
  const commands: string[] = [];
  const clients = new Set<Socket>();
  let { status } = script;
  const server = createServer((client) => {
    clients.add(client);
    client.on("error", () => undefined);
    const say = (reply: unknown) => client.write(`${JSON.stringify(reply)}\n`);
    const answer = (name: string, id: unknown) => {
      commands.push(name);
      if (name === "guest-sync-delimited") {
        if (script.sync === "hang up") client.destroy();
        else if (script.sync !== undefined) client.write(script.sync);
        else if (status !== undefined) {
          client.write(script.garbage ?? "");
          client.write(Buffer.of(0xff));
          say({ return: id });
        }
      } else if (name === "guest-fsfreeze-status") say({ return: status });
      else if (name === "guest-fsfreeze-freeze") {
        const { freeze = 0 } = script;
        if (typeof freeze === "number" && freeze > 0) status = "frozen";
        say(typeof freeze === "object" ? freeze : { return: freeze });
        if (script.diesAfterFreeze) status = undefined;
      } else if (name === "guest-fsfreeze-thaw") {
        if (!script.staysFrozen) status = "thawed";
        say({ return: script.thaw });
      }
    };
    let rest = Buffer.alloc(0);
    client.on("data", (chunk: Buffer) => {
      rest = Buffer.concat([rest, chunk]);
      for (let end = rest.indexOf("\n"); end >= 0; end = rest.indexOf("\n")) {
        const line = rest.subarray(rest.lastIndexOf(0xff, end) + 1, end).toString();
        rest = rest.subarray(end + 1);
        const { execute, arguments: args } = JSON.parse(line) as {
          execute: string;
          arguments?: { id?: unknown };
        };
        answer(execute, args?.id);
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  return {
    commands,
    close: async () => {
      for (const client of clients) client.destroy();
      await new Promise((resolve) => server.close(resolve));
      rmSync(path, { force: true });
      renameSync(real, path);
    },
  };
}
