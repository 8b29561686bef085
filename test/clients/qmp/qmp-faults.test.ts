import { expect } from "chai";
import type { Socket } from "node:net";

import { QmpClient } from "../../../src/clients/qmp/index.js";
import {
  GREETING,
  replyTo,
  startScriptedMonitor,
  startServer,
  type ScriptedMonitor,
} from "./support/scripted-monitor.js";
import { rejectionOf } from "./support/thrown-by.js";

type Script = Parameters<typeof startScriptedMonitor>[0];

describe("QmpClient on a faulty monitor", () => {
  const running: ScriptedMonitor[] = [];
  const clients: QmpClient[] = [];

  afterEach(async () => {
    for (const client of clients.splice(0)) client.close();
    await Promise.all(running.splice(0).map((monitor) => monitor.stop()));
  });

  const connectTo = async (script: Script): Promise<QmpClient> => {
    const monitor = await startScriptedMonitor(script);
    running.push(monitor);
    const client = await QmpClient.connect(monitor.socket);
    clients.push(client);
    return client;
  };
  const connectError = async (onClient: (socket: Socket) => void) => {
    const monitor = await startServer(onClient);
    running.push(monitor);
    return rejectionOf(QmpClient.connect(monitor.socket, { greetingTimeoutMs: 200 }));
  };

  it("reads a reply that comes byte by byte", async () => {
    const client = await connectTo(({ id }, socket) => {
      for (const byte of Buffer.from(replyTo(id, { name: "größe" }))) socket.write(Buffer.of(byte));
    });
    expect(await client.execute("query-name")).to.deep.equal({ name: "größe" });
  });

  it("names the commands that a closed connection leaves without reply", async () => {
    const client = await connectTo(({ execute, id }, socket) => {
      if (execute === "b") socket.end(replyTo(id).slice(0, 9));
    });
    const errors = await Promise.all([
      rejectionOf(client.execute("a")),
      rejectionOf(client.execute("b")),
    ]);
    for (const { code, detail } of errors) {
      expect(code).to.equal("tool-failed");
      expect(detail).to.contain("went away before it answered 'a', 'b'");
    }
  });

  it("trusts nothing after garbage", async () => {
    const client = await connectTo((_command, socket) => socket.write("<html>\n"));
    const error = await rejectionOf(client.execute("stop"));
    expect(error.detail).to.equal('QEMU\'s monitor sent what is not QMP: "<html>"');
    expect(await rejectionOf(client.execute("stop"))).to.equal(error);
  });

  it("trusts nothing after an error that belongs to no command", async () => {
    const failure = { error: { class: "GenericError", desc: "JSON parse error" } };
    const client = await connectTo((_command, socket) =>
      socket.write(`${JSON.stringify(failure)}\n`),
    );
    expect((await rejectionOf(client.execute("stop"))).detail).to.contain("JSON parse error");
  });

  it("refuses a line without end", async () => {
    const monitor = await startScriptedMonitor((_command, socket) =>
      socket.write("x".repeat(2000)),
    );
    running.push(monitor);
    const client = await QmpClient.connect(monitor.socket, { maxLineBytes: 1000 });
    clients.push(client);
    expect((await rejectionOf(client.execute("stop"))).detail).to.contain("more than 1000 bytes");
  });

  it("gives up on a silent server", async () => {
    expect((await connectError(() => undefined)).code).to.equal("operation-failed");
  });

  it("gives up on a server that greets and then says nothing", async () => {
    const error = await connectError((socket) => socket.write(GREETING));
    expect(error.detail).to.equal("QEMU did not answer 'qmp_capabilities' within 200 ms");
  });

  it("gives up on a server that hangs up", async () => {
    expect((await connectError((socket) => socket.end())).detail).to.contain("went away");
  });

  it("gives up on another protocol", async () => {
    const error = await connectError((socket) => socket.write("220 mail ready\r\n"));
    expect(error.detail).to.contain("is not QMP");
  });
});
