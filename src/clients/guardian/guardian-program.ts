/**
 * What QEMU says of a guest that we have stopped, or have not let run yet. A guest that has failed is
 * not let run.
 */
const STOPPED = ["paused", "prelaunch", "postmigrate", "finish-migrate", "save-vm"];

/** An agent that is still freezing, or a QEMU that saves memory into an image, answers nobody meanwhile. */
const PATIENCE_MS = 30_000;
const POLL_MS = 20;

/**
 * The program of a guardian, handed to Node.js as it is: it works when all our files are gone. It
 * reads a `LastWill` from each line of its input, the last one counts, and carries it out at the
 * end of that input. The one file that it changes is a merged overlay, which it unlinks.
 */
export const GUARDIAN_PROGRAM = String.raw`
const { execFile } = require("node:child_process");
const fs = require("node:fs");
const { connect } = require("node:net");
const { dirname } = require("node:path");
const sleep = () => new Promise((resolve) => setTimeout(resolve, ${POLL_MS}));
const STOPPED = new Set(${JSON.stringify(STOPPED)});
let deadline;

const isAlive = ({ pid, startTicks }) => {
  try {
    const stat = fs.readFileSync("/proc/" + pid + "/stat", "utf8");
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

const giveUp = () => {
  throw Object.assign(new Error("only recovery can tell"), { refused: true });
};

/** As QEMU names images: by their paths, or by all options as JSON. */
const realPath = (name) => {
  try {
    let options = name.startsWith("json:") ? JSON.parse(name.slice(5)) : { filename: name };
    while (typeof options.file === "object") options = options.file;
    return fs.realpathSync(options.filename);
  } catch {
    return name;
  }
};
const openImages = async (ask) => {
  const names = [];
  for (const { inserted } of await ask("query-block"))
    for (let image = inserted?.image; image; image = image["backing-image"])
      names.push(realPath(image.filename));
  return names;
};

const flush = (path) => {
  const file = fs.openSync(path, "r");
  fs.fsyncSync(file);
  fs.closeSync(file);
};
const identify = (path) => {
  const stats = fs.lstatSync(path, { bigint: true, throwIfNoEntry: false });
  if (!stats) return undefined;
  const { ino, dev, birthtimeNs } = stats;
  return birthtimeNs > 0n ? ino + "@" + birthtimeNs : ino + ":" + dev;
};

const finishChangeOver = async (ask, { job, base, overlay, known }) => {
  for (; performance.now() < deadline; await sleep()) {
    const found = (await ask("query-jobs")).find(({ id }) => id === job);
    if (!found || found.status === "concluded") break;
    // An order that was given already is refused.
    if (found.status === "ready") await ask("job-complete", { id: job }).catch(() => {});
  }
  const images = await openImages(ask);
  if (images.includes(realPath(overlay))) return;
  if (!images.includes(realPath(base))) giveUp();
  try {
    flush(base);
    if (known.includes(identify(overlay))) fs.unlinkSync(overlay);
    flush(dirname(overlay));
  } catch {
    giveUp();
  }
};

const cont = ({ qemu, monitor, saving, changeOver }) =>
  persist(qemu, monitor, async ({ next, ask }) => {
    await next((message) => "QMP" in message);
    await ask("qmp_capabilities");
    for (; isAlive(qemu); await sleep()) {
      const busy = saving && (await isSaving(ask));
      // QEMU hangs when what is saved in the background is broken off.
      const cancel = busy && !(await isInBackground(ask));
      if (cancel) await ask("migrate_cancel");
      else if (!STOPPED.has((await ask("query-status")).status)) return;
      else if (!busy) {
        if (changeOver) await finishChangeOver(ask, changeOver);
        return ask("cont");
      }
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
