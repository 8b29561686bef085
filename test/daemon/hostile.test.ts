import { expect } from "chai";
import fc from "fast-check";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import {
  decode,
  encode,
  encodeFrame,
  FRAME_STATUS,
  FRAME_TYPE,
  FrameReader,
  KEEPALIVE,
  PROCEDURES,
  PROGRAM,
  wireError,
  type Frame,
} from "../../src/rpc/index.js";
import { goldenFrames } from "../rpc/support/golden.js";
import { ServeBench } from "./support/bench.js";

/** A client that says what it likes. */
class RawClient {
  readonly #reader = new FrameReader();
  readonly #frames: Frame[] = [];
  isClosed = false;

  private constructor(readonly socket: Socket) {
    socket.on("data", (chunk: Buffer) => this.#frames.push(...this.#reader.push(chunk)));
    socket.on("error", () => undefined);
    socket.on("close", () => (this.isClosed = true));
  }

  static async connect(path: string): Promise<RawClient> {
    const socket = connect(path);
    await once(socket, "connect");
    return new RawClient(socket);
  }

  send(change: Partial<Frame>): void {
    this.socket.write(encodeFrame(call(change)));
  }

  /** The next frame; undefined when the other side has closed. */
  async next(): Promise<Frame | undefined> {
    for (;;) {
      const frame = this.#frames.shift();
      if (frame || this.isClosed) return frame;
      await Promise.race([once(this.socket, "data"), once(this.socket, "close")]);
    }
  }

  async ask(change: Partial<Frame>): Promise<Frame> {
    this.send(change);
    const frame = await this.next();
    if (!frame) throw new Error("closed");
    return frame;
  }

  async open(): Promise<void> {
    const { number: procedure, args } = PROCEDURES.connectOpen;
    const payload = encode(args, { name: "test:///default", flags: 0 });
    expect((await this.ask({ procedure, payload })).status).to.equal(FRAME_STATUS.ok);
  }

  async closed(): Promise<void> {
    while (await this.next());
  }

  close(): void {
    this.socket.destroy();
  }
}

function call(change: Partial<Frame>): Frame {
  return {
    program: PROGRAM.remote,
    version: 1,
    procedure: 0,
    type: FRAME_TYPE.call,
    serial: 1,
    status: 0,
    payload: Buffer.alloc(0),
    ...change,
  };
}

function errorOf({ status, payload }: Frame) {
  expect(status).to.equal(FRAME_STATUS.error);
  const { code, domain, message } = decode(wireError, payload);
  return { code, domain, message };
}

describe("bad input to the daemon", () => {
  let bench: ServeBench;
  const clients: RawClient[] = [];
  const connectRaw = async () => {
    const client = await RawClient.connect(bench.socket);
    clients.push(client);
    return client;
  };
  before(async () => {
    bench = await ServeBench.start({
      limits: { clients: 50, unreadBytes: 256 * 1024, openingMs: 60_000 },
    });
  });
  afterEach(async () => {
    for (const client of clients.splice(0)) {
      client.close();
      await client.closed();
    }
    // A neighbour does not notice.
    expect(await bench.virsh("domstate", "test")).to.include("running");
  });
  after(() => bench.stop());

  it("calls before the opening get libvirt's errors", async () => {
    const client = await connectRaw();
    const { number: procedure } = PROCEDURES.connectGetType;
    expect(errorOf(await client.ask({ procedure, serial: 7 }))).to.include({
      code: 1,
      message: "internal error: hypervisor connection not open",
    });
    expect(errorOf(await client.ask({ procedure: 4711 }))).to.deep.equal({
      code: 39,
      domain: 7,
      message: "unknown procedure: 4711",
    });
    expect(errorOf(await client.ask({ program: 0x1234, procedure: 1 })).message).to.equal(
      "Cannot find program 4660 version 1",
    );
    await client.open();
    const { number: open, args } = PROCEDURES.connectOpen;
    const again = { procedure: open, payload: encode(args, { name: undefined, flags: 0 }) };
    expect(errorOf(await client.ask(again)).message).to.include("already open");
  });

  it("arguments that cannot be read are an error of the call, and the connection goes on", async () => {
    const client = await connectRaw();
    await client.open();
    const { number: procedure } = PROCEDURES.domainSnapshotCreateXml;
    for (const payload of [Buffer.alloc(0), Buffer.alloc(3), Buffer.alloc(400, 0xff)])
      expect(errorOf(await client.ask({ procedure, payload }))).to.include({ code: 39, domain: 7 });
    const { number: type } = PROCEDURES.connectGetType;
    expect((await client.ask({ procedure: type })).status).to.equal(FRAME_STATUS.ok);
  });

  it("descriptors are refused, and the connection stays in step", async () => {
    const client = await connectRaw();
    await client.open();
    const payload = Buffer.from([0, 0, 0, 1]);
    const bytes = encodeFrame(call({ type: FRAME_TYPE.callWithFds, procedure: 249, payload }));
    client.socket.write(Buffer.concat([bytes, Buffer.from("!")]));
    expect(errorOf((await client.next()) ?? call({})).code).to.equal(84);
    const { number: type } = PROCEDURES.connectGetType;
    expect((await client.ask({ procedure: type })).status).to.equal(FRAME_STATUS.ok);
  });

  for (const [what, bytes] of [
    ["a length of nothing", Buffer.alloc(4)],
    ["a length beyond the limit", Buffer.from("ffffffff", "hex")],
    ["another protocol", Buffer.from("GET / HTTP/1.1\r\nHost: x\r\n\r\n")],
    ["a stream that nobody opened", encodeFrame(call({ type: FRAME_TYPE.stream, procedure: 209 }))],
    ["a reply that nobody asked for", encodeFrame(call({ type: FRAME_TYPE.reply, procedure: 1 }))],
  ] as const)
    it(`${what} closes the connection`, async () => {
      const client = await connectRaw();
      await client.open();
      client.socket.write(bytes);
      await client.closed();
    });

  it("a ping gets a pong, also while nothing is open", async () => {
    const client = await connectRaw();
    const ping = {
      program: PROGRAM.keepalive,
      procedure: KEEPALIVE.ping,
      type: FRAME_TYPE.message,
    };
    const pong = await client.ask({ ...ping, serial: 0 });
    expect(pong).to.include({ program: PROGRAM.keepalive, procedure: KEEPALIVE.pong, serial: 0 });
  });

  it("400 calls at once, in pieces of seven bytes, are each answered once", async () => {
    const client = await connectRaw();
    await client.open();
    const { number: procedure } = PROCEDURES.connectGetHostname;
    const wire = Buffer.concat(
      Array.from({ length: 400 }, (_, serial) => encodeFrame(call({ procedure, serial }))),
    );
    for (let at = 0; at < wire.length; at += 7) client.socket.write(wire.subarray(at, at + 7));
    const serials = new Set<number>();
    while (serials.size < 400) serials.add((await client.next())?.serial ?? -1);
    expect(serials.has(-1)).to.equal(false);
  });

  it("one who asks and does not read costs no memory without end", async () => {
    const client = await connectRaw();
    await client.open();
    client.socket.pause();
    const { number: procedure } = PROCEDURES.connectGetCapabilities;
    const wire = Buffer.concat(
      Array.from({ length: 200 }, (_, serial) => encodeFrame(call({ procedure, serial }))),
    );
    const before = process.memoryUsage().arrayBuffers;
    // Our own side holds what the kernel does not take any more: then the daemon reads no further.
    for (let turn = 0; turn < 300 && client.socket.writableLength < 1024 * 1024; turn++) {
      client.socket.write(wire);
      await pause(1);
    }
    expect(client.socket.writableLength).to.be.at.least(1024 * 1024);
    expect(process.memoryUsage().arrayBuffers - before).to.be.below(16 * 1024 * 1024);
  });

  it("more clients than there may be are sent away, and the others stay", async () => {
    const first = await connectRaw();
    await first.open();
    const many = await Promise.all(Array.from({ length: 60 }, connectRaw));
    while (many.filter(({ isClosed }) => isClosed).length < 11) await pause(5);
    const { number: procedure } = PROCEDURES.connectGetType;
    expect((await first.ask({ procedure })).status).to.equal(FRAME_STATUS.ok);
  });

  it("real frames with changed bytes: an answer, an error or the end, and never more", async () => {
    const calls = goldenFrames("virsh").filter(
      ({ from, frame }) =>
        from === "client" &&
        frame.procedure !== PROCEDURES.connectClose.number &&
        !/^(domainUndefine|domainDestroy|domainShutdown|domainSuspend)/.test(nameOf(frame)),
    );
    const change = fc.record({
      index: fc.nat({ max: calls.length - 1 }),
      place: fc.nat(),
      mask: fc.integer({ min: 1, max: 255 }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 5 }), async (changes) => {
        const client = await connectRaw();
        await client.open();
        for (const { index, place, mask } of changes) {
          const bytes = Buffer.from(calls[index]?.hex ?? "", "hex");
          // The procedure stays, so that no change is a call that changes the domain.
          const at = 16 + (place % (bytes.length - 16));
          bytes.writeUInt8(bytes.readUInt8(at) ^ mask, at);
          client.socket.write(bytes);
        }
        const { number: procedure } = PROCEDURES.connectGetType;
        client.send({ procedure, serial: 0xfeed });
        for (let frame = await client.next(); frame; frame = await client.next())
          if (frame.serial === 0xfeed) break;
        client.close();
      }),
      { numRuns: 150 },
    );
  });
});

function nameOf({ procedure }: Frame): string {
  return Object.entries(PROCEDURES).find(([, { number }]) => number === procedure)?.[0] ?? "";
}

describe("a client that does nothing", () => {
  it("is closed when it opens no connection, or answers no ping", async () => {
    const limits = { openingMs: 50, keepaliveIntervalMs: 20, keepaliveCount: 2 };
    const bench = await ServeBench.start({ limits });
    try {
      const silent = await RawClient.connect(bench.socket);
      await silent.closed();
      const dead = await RawClient.connect(bench.socket);
      await dead.open();
      const { number: procedure, args } = PROCEDURES.connectSupportsFeature;
      await dead.ask({ procedure, payload: encode(args, { value: 10 }) });
      const ping = await dead.next();
      expect(ping).to.include({ program: PROGRAM.keepalive, procedure: KEEPALIVE.ping });
      await dead.closed();
      expect(bench.log).to.include.members([
        "a client opens no connection",
        "a client does not answer pings",
      ]);
    } finally {
      await bench.stop();
    }
  });
});
