import { chmodSync, chownSync, lstatSync, statSync, unlinkSync } from "node:fs";
import { dirname } from "node:path";
import { connect, type Server } from "node:net";
import { once } from "node:events";
import { DomsnapError } from "../core/errors/index.js";
import { errnoOf, systemError } from "../host/system-error.js";

/** Where a daemon listens, and who may connect. */
export interface SocketPlace {
  /** Absolute, or relative to the working folder. */
  readonly path: string;
  /** Permission bits of the socket. */
  readonly mode: number;
  /** The group that it belongs to; missing: that of the process. */
  readonly groupId?: number;
}

/** sockaddr_un.sun_path, with a NUL behind it. */
const MAX_PATH_BYTES = 107;

/**
 * Binds a server to a path, with its permissions from the first moment. A socket that nobody listens
 * on any more is replaced; anything else that stands there stays. Throws `invalid-argument` for a
 * path that cannot be a socket's, `operation-failed` when somebody listens there.
 */
export async function listenAt(server: Server, place: SocketPlace): Promise<void> {
  const { path } = place;
  if (Buffer.byteLength(path) > MAX_PATH_BYTES)
    throw new DomsnapError(
      "invalid-argument",
      `the socket's path '${path}' has more than ${MAX_PATH_BYTES} bytes`,
      { hint: "Choose a shorter path: the kernel has no room for more." },
    );
  await removeAbandoned(path);
  assertFolder(dirname(path));
  const before = process.umask(0o777);
  try {
    server.listen(path);
  } finally {
    process.umask(before);
  }
  try {
    await once(server, "listening");
    if (place.groupId !== undefined) chownSync(path, -1, place.groupId);
    chmodSync(path, place.mode);
  } catch (thrown) {
    server.close();
    throw systemError(thrown, `cannot listen at '${path}'`);
  }
}

/** libuv takes a folder that is not there for one that may not be used. */
function assertFolder(folder: string): void {
  try {
    statSync(folder);
  } catch (thrown) {
    throw systemError(thrown, `cannot use folder '${folder}' for the socket`);
  }
}

async function removeAbandoned(path: string): Promise<void> {
  let stats;
  try {
    stats = lstatSync(path);
  } catch (thrown) {
    if (errnoOf(thrown) === "ENOENT") return;
    throw systemError(thrown, `cannot look at '${path}'`);
  }
  if (!stats.isSocket())
    throw new DomsnapError("invalid-argument", `'${path}' is there and is no socket`, {
      hint: "Choose another path for the socket, or move that file away.",
    });
  if (await isListenedOn(path))
    throw new DomsnapError("operation-failed", `another program listens at '${path}'`, {
      hint: "Stop it first, or choose another path for the socket.",
    });
  unlinkSync(path);
}

async function isListenedOn(path: string): Promise<boolean> {
  const probe = connect(path);
  try {
    await once(probe, "connect");
    return true;
  } catch (thrown) {
    if (errnoOf(thrown) === "ECONNREFUSED") return false;
    throw systemError(thrown, `cannot tell whether somebody listens at '${path}'`);
  } finally {
    probe.destroy();
  }
}
