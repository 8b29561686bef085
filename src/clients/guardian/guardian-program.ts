/** What QEMU says of a guest that we have stopped. A guest that has failed is not let run. */
const STOPPED = ["paused", "postmigrate", "finish-migrate", "save-vm"];

/** An agent that is still freezing, or a QEMU that saves memory into an image, answers nobody meanwhile. */
const PATIENCE_MS = 30_000;
const POLL_MS = 20;

/**
 * The program of a guardian, handed to Node.js as it is: it works when all our files are gone. It
 * reads a `LastWill` from each line of its input, the last one counts, and carries it out at the
 * end of that input. It changes no file.
 */
export const GUARDIAN_PROGRAM = String.raw`
const { execFile } = require("node:child_process");
const { readFileSync } = require("node:fs");
const { connect } = require("node:net");
const sleep = () => new Promise((resolve) => setTimeout(resolve, ${POLL_MS}));
const STOPPED = new Set(${JSON.stringify(STOPPED)});
let deadline;

const isAlive = ({ pid, startTicks }) => {
  try {
    const stat = readFileSync("/proc/" + pid + "/stat", "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return fields[0] !== "Z" && fields[19] === startTicks;
  } catch {
    return false;
  }
};

/** One JSON message a line, to a socket that is QEMU's or its agent's. */
const open = (path) => {
  const socket = connect(path);
  let rest = "";
  let wanted;
  const next = (isWanted) =>
    new Promise((resolve, reject) => {
      wanted = { isWanted, resolve, reject };
      if (socket.destroyed) fail();
    });
  const fail = () => wanted?.reject(new Error("no answer"));
  socket.setTimeout(Math.max(1, deadline - performance.now()), () => socket.destroy());
  socket.on("error", fail).on("close", fail);
  socket.on("data", (chunk) => {
    const lines = (rest + chunk.toString("latin1")).split("\n");
    rest = lines.pop();
    for (const line of lines)
      try {
        const message = JSON.parse(line.slice(line.lastIndexOf("\xff") + 1));
        if (wanted?.isWanted(message)) wanted.resolve(message);
      } catch {}
  });
  const ask = async (execute, args) => {
    const answer = next((message) => "return" in message || "error" in message);
    socket.write(JSON.stringify({ execute, arguments: args }) + "\n");
    const { error, ...reply } = await answer;
    if (error) throw Object.assign(new Error(error.desc), { refused: true });
    return reply.return;
  };
  return { socket, next, ask };
};

/** Works at a socket of a QEMU, again and again until it is done, refused, or without sense. */
const persist = async (qemu, path, work) => {
  while (isAlive(qemu) && performance.now() < deadline) {
    const talk = open(path);
    try {
      return await work(talk);
    } catch ({ refused }) {
      if (refused) return;
      await sleep();
    } finally {
      talk.socket.destroy();
    }
  }
};

const isSaving = async (ask) => {
  const { status = "none" } = await ask("query-migrate");
  return !["none", "completed", "failed", "cancelled"].includes(status);
};
const isInBackground = async (ask) =>
  (await ask("query-migrate-capabilities")).some(
    ({ capability, state }) => capability === "background-snapshot" && state,
  );

const cont = ({ qemu, monitor, saving }) =>
  persist(qemu, monitor, async ({ next, ask }) => {
    await next((message) => "QMP" in message);
    await ask("qmp_capabilities");
    for (; isAlive(qemu); await sleep()) {
      const busy = saving && (await isSaving(ask));
      // QEMU hangs when what is saved in the background is broken off.
      const cancel = busy && !(await isInBackground(ask));
      if (cancel) await ask("migrate_cancel");
      else if (!STOPPED.has((await ask("query-status")).status)) return;
      else if (!busy) return ask("cont");
    }
  });

const thaw = ({ qemu, agent }) =>
  persist(qemu, agent, async ({ socket, next, ask }) => {
    const id = Math.floor(Math.random() * 2 ** 31);
    const answer = next((message) => message.return === id);
    socket.write(Buffer.of(255));
    socket.write(JSON.stringify({ execute: "guest-sync-delimited", arguments: { id } }) + "\n");
    await answer;
    if ((await ask("guest-fsfreeze-status")) === "frozen") await ask("guest-fsfreeze-thaw");
  });

const xl = (...args) =>
  new Promise((resolve) =>
    execFile("xl", args, { timeout: 10000 }, (error, stdout) => resolve(error ? "" : stdout)),
  );

const unpause = async ({ id, sleepers }) => {
  for (; performance.now() < deadline; await sleep()) {
    const state = /\s[r-][b-](p?)-*([sd]?)\S*\s+[\d.]+\s*$/.exec(await xl("list", String(id)));
    // A save was cut off: whoever watches the guest would take it for one that has ended.
    if (state?.[2]) return;
    if (state?.[1] !== "p") break;
    await xl("unpause", String(id));
  }
  for (const sleeper of sleepers) if (isAlive(sleeper)) process.kill(sleeper.pid, "SIGCONT");
};

let will = "{}";
let unread = "";
process.stdin.on("data", (chunk) => {
  const lines = (unread + chunk).split("\n");
  unread = lines.pop();
  will = lines.at(-1) ?? will;
});
process.stdin.on("end", async () => {
  const todo = JSON.parse(will);
  deadline = performance.now() + (todo.patienceMs ?? ${PATIENCE_MS});
  if (todo.cont) await cont(todo.cont);
  if (todo.unpause) await unpause(todo.unpause);
  if (todo.thaw) await thaw(todo.thaw);
  process.exit();
});
process.stdout.write("ready");
`;
