import { once } from "node:events";
import { createServer, connect, type Server, type Socket } from "node:net";
import { encodeFrame, FrameReader } from "../../../src/rpc/index.js";

/** One frame of a recorded connection, as it was on the wire. */
export interface RecordedFrame {
  readonly from: "client" | "server";
  readonly hex: string;
}

/** A proxy between real clients and a real server that keeps every frame. */
export class Recorder {
  readonly frames: RecordedFrame[] = [];
  readonly #server: Server;

  private constructor(private readonly upstream: string) {
    this.#server = createServer((client) => {
      this.#relay(client);
    });
  }

  static async listen(path: string, upstream: string): Promise<Recorder> {
    const recorder = new Recorder(upstream);
    recorder.#server.listen(path);
    await once(recorder.#server, "listening");
    return recorder;
  }

  async close(): Promise<void> {
    this.#server.close();
    await once(this.#server, "close");
  }

  #relay(client: Socket): void {
    const server = connect(this.upstream);
    this.#copy("client", client, server);
    this.#copy("server", server, client);
  }

  #copy(from: RecordedFrame["from"], source: Socket, target: Socket): void {
    const reader = new FrameReader();
    source.on("data", (chunk: Buffer) => {
      for (const frame of reader.push(chunk))
        this.frames.push({ from, hex: encodeFrame(frame).toString("hex") });
    });
    source.on("error", () => target.destroy());
    source.pipe(target);
  }
}
