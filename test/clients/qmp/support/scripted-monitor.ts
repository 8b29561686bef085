import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

export const GREETING = '{"QMP": {"version": {"qemu": {"major": 7, "minor": 2, "micro": 0}}}}\r\n';

/** A server that does what no real QEMU can be made to do on demand. */
export interface ScriptedMonitor {
  readonly socket: string;
  stop(): Promise<void>;
}

/** Says the greeting and agrees to `qmp_capabilities`; `script` handles the commands after that. */
export async function startScriptedMonitor(
  script: (command: { readonly execute: string; readonly id: number }, socket: Socket) => void,
): Promise<ScriptedMonitor> {
  return startServer((socket) => {
    socket.write(GREETING);
    let text = "";
    socket.on("data", (chunk) => {
      text += chunk.toString();
      for (let end = text.indexOf("\n"); end >= 0; end = text.indexOf("\n")) {
        const command = JSON.parse(text.slice(0, end)) as { execute: string; id: number };
        text = text.slice(end + 1);
        if (command.execute === "qmp_capabilities") socket.write(replyTo(command.id));
        else script(command, socket);
      }
    });
  });
}

/** A server whose clients are handed to `onClient`, with no word said to them. */
export async function startServer(onClient: (socket: Socket) => void): Promise<ScriptedMonitor> {
  const folder = mkdtempSync(join(tmpdir(), "domsnap-qmp-"));
  const socket = join(folder, "qmp");
  const clients = new Set<Socket>();
  const server = createServer((client) => {
    clients.add(client);
    client.on("error", () => undefined);
    onClient(client);
  });
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  const stop = async () => {
    for (const client of clients) client.destroy();
    await new Promise((resolve) => server.close(resolve));
    rmSync(folder, { recursive: true, force: true });
  };
  return { socket, stop };
}

export function replyTo(id: number, result: unknown = {}): string {
  return `${JSON.stringify({ return: result, id })}\r\n`;
}
