import { readFileSync } from "node:fs";
import { usageError } from "../command-error.js";
import { defineCommand } from "../command-spec.js";

const OWNER_ONLY = 0o600;
const OWNER_AND_GROUP = 0o660;
const EVERYBODY = 0o666;

export const serve = defineCommand({
  name: "serve",
  group: "domsnap",
  summary: "answer clients of libvirt, as libvirtd does",
  description:
    "Listens on a UNIX socket and speaks libvirt's protocol there, until it is stopped: virsh,\n" +
    "virt-manager and whatever else stands on libvirt's library find the domains of a connection\n" +
    "and all of libvirt's snapshot functions. Without a URI the connection is that of --connect.\n\n" +
    "Who may open the socket may do everything that domsnap may: it is for the owner alone, and\n" +
    "for one group with --group. Who opens the socket of --readonly-socket can only look. SIGTERM\n" +
    "lets what is under way come to its end.",
  options: [
    {
      name: "socket",
      kind: "string",
      required: true,
      literal: true,
      summary: "path of the socket",
      completes: "file",
    },
    {
      name: "readonly-socket",
      kind: "string",
      literal: true,
      summary: "path of a second socket, on which nothing can be changed",
      completes: "file",
    },
    {
      name: "group",
      kind: "string",
      literal: true,
      summary: "group whose members may open the socket, by its name or number",
    },
    { name: "uri", kind: "argv", summary: "connections to serve, the first as the default" },
  ],
  examples: [
    {
      line: "domsnap serve --socket /run/domsnap/libvirt-sock",
      summary: "Serve the default connection.",
    },
    {
      line: "virsh -c 'xen+unix:///system?socket=/run/domsnap/libvirt-sock' snapshot-list vm1",
      summary: "See its snapshots with virsh.",
    },
  ],
  changes: false,
  async run({ args, service, connect, signal, tell, quiet }) {
    const path = args.requiredText("socket");
    const readOnlyPath = args.text("readonly-socket");
    const group = args.text("group");
    const access =
      group === undefined
        ? { mode: OWNER_ONLY }
        : { mode: OWNER_AND_GROUP, groupId: groupIdOf(group) };
    const uris = args.list("uri");
    const services = uris.length === 0 ? [await service()] : await Promise.all(uris.map(connect));
    const { startDaemon } = await import("../../daemon/index.js");
    const daemon = await startDaemon({
      services,
      socket: { path, ...access },
      ...(readOnlyPath !== undefined && {
        readOnlySocket: { path: readOnlyPath, mode: EVERYBODY },
      }),
      log: (message, fields = {}) => {
        if (!quiet) tell(logLine(message, fields));
      },
    });
    await aborted(signal);
    await daemon.stop();
    return { notice: "Stopped\n", data: { socket: path } };
  },
});

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}

function logLine(message: string, fields: Readonly<Record<string, string | number>>): string {
  return [message, ...Object.entries(fields).map(([name, value]) => `${name}=${value}`)].join(" ");
}

/** Groups of this host by name; others by number. Throws when there is none. */
function groupIdOf(group: string): number {
  if (/^\d{1,9}$/.test(group)) return Number(group);
  for (const line of readFileSync("/etc/group", "utf8").split("\n")) {
    const [name, , id] = line.split(":");
    if (name === group) return Number(id);
  }
  throw usageError(`there is no group '${group}' in /etc/group`);
}
