import { renameSync, rmSync } from "node:fs";
import { connect, createServer, type Socket } from "node:net";

/**
 * What is to go wrong, once: at this command, either the connection is cut when QEMU has got it, or
 * it is refused, or something else is done in its place.
 */
export interface Fault {
  readonly command: string;
  /** Lets this many such commands pass before. */
  readonly skip?: number;
  readonly instead?: () => void;
  /** QEMU gets it, and then this is done. */
  readonly after?: () => void;
  /** QEMU does not get it, and seems to refuse it. */
  readonly refuse?: boolean;
  /** Nothing goes wrong, but QEMU gets other arguments. */
  readonly rewrite?: (args: object) => object;
}

/** Stands between domsnap and QEMU's monitor, and lets one command go wrong. */
export interface MonitorRelay {
  /** Commands that were sent so far. */
  readonly commands: readonly string[];
  /** Whether the fault has happened. */
  readonly happened: boolean;
  arm(fault: Fault): void;
  /** From now on QEMU does not get messages with these words, and seems to refuse them. */
  forbid(words: string): void;
  close(): void;
}

export async function relayMonitor(path: string): Promise<MonitorRelay> {
  const real = `${path}.real`;
  renameSync(path, real);
  const commands: string[] = [];
  let fault: Fault | undefined;
  let skip = 0;
  let happened = false;
  let forbidden: string | undefined;
  const server = createServer((client) => {
    const qemu = connect(real);
    const end = (socket: Socket) => () => socket.destroy();
    client.on("error", end(qemu)).on("close", end(qemu));
    qemu.on("error", end(client)).on("close", end(client));
    qemu.pipe(client);
    let rest = "";
    client.on("data", (chunk: Buffer) => {
      const lines = (rest + chunk.toString()).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) {
        const { execute, id } = JSON.parse(line) as { execute: string; id?: string };
        commands.push(execute);
        if (forbidden !== undefined && line.includes(forbidden)) {
          client.write(refusal(id));
          continue;
        }
        if (fault?.command !== execute || skip-- > 0) {
          qemu.write(`${line}\n`);
          continue;
        }
        const { instead, after, rewrite, refuse = false } = fault;
        fault = undefined;
        happened = true;
        if (refuse) {
          client.write(refusal(id));
          continue;
        }
        if (after) {
          qemu.write(`${line}\n`);
          after();
          continue;
        }
        if (rewrite) {
          const message = JSON.parse(line) as { arguments: object };
          const changed = { ...message, arguments: rewrite(message.arguments) };
          qemu.write(`${JSON.stringify(changed)}\n`);
          continue;
        }
        if (instead) instead();
        else {
          client.destroy();
          qemu.removeAllListeners("close").end(`${line}\n`);
        }
        return;
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  return {
    commands,
    get happened() {
      return happened;
    },
    arm(next) {
      fault = next;
      skip = next.skip ?? 0;
      happened = false;
    },
    forbid(words) {
      forbidden = words;
    },
    close() {
      server.close();
      rmSync(path, { force: true });
      rmSync(real, { force: true });
    },
  };
}

function refusal(id: string | undefined): string {
  const error = { class: "GenericError", desc: "refused for a test" };
  return `${JSON.stringify({ error, id })}\r\n`;
}
