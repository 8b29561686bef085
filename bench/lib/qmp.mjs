import { connect } from "node:net";

/** The least that it takes to speak to QEMU, so that the peer of domsnap carries no weight of it. */
export class PlainQmp {
  #socket;
  #rest = "";
  #pending = [];
  #listeners = new Set();

  static async open(path) {
    const client = new PlainQmp();
    client.#socket = connect(path);
    const greeted = new Promise((resolve, reject) => {
      client.#pending.push({ resolve, reject });
    });
    client.#socket.on("data", (chunk) => client.#receive(chunk));
    client.#socket.on("error", (error) => client.#pending.shift()?.reject(error));
    await greeted;
    await client.execute("qmp_capabilities");
    return client;
  }

  execute(command, args = {}) {
    this.#socket.write(`${JSON.stringify({ execute: command, arguments: args })}\n`);
    return new Promise((resolve, reject) => {
      this.#pending.push({ resolve, reject, command });
    });
  }

  /** The next event of a name, from now on. */
  next(name) {
    return new Promise((resolve) => {
      const listener = (event) => {
        if (event.event !== name) return;
        this.#listeners.delete(listener);
        resolve(event);
      };
      this.#listeners.add(listener);
    });
  }

  close() {
    this.#socket.destroy();
  }

  #receive(chunk) {
    const lines = (this.#rest + chunk.toString()).split("\n");
    this.#rest = lines.pop();
    for (const line of lines.filter((text) => text.trim() !== "")) {
      const message = JSON.parse(line);
      if (message.event) for (const listener of [...this.#listeners]) listener(message);
      else if (message.error) {
        const { reject, command } = this.#pending.shift();
        reject(new Error(`${command}: ${message.error.desc}`));
      } else this.#pending.shift()?.resolve(message.return);
    }
  }
}

/** Milliseconds between two events, by QEMU's clock. */
export function millisecondsBetween(first, second) {
  const { seconds, microseconds } = first.timestamp;
  const later = second.timestamp;
  return (later.seconds - seconds) * 1000 + (later.microseconds - microseconds) / 1000;
}
