import { DomsnapError } from "../../core/errors/index.js";
import type { Domain } from "../../core/model/index.js";
import type {
  ImportItem,
  ImportMaterial,
  ImportSource,
  RecordProblem,
} from "../../core/ports/index.js";
import { canonicalUuid, parseDomain } from "../../xml/index.js";
import { runTool } from "../../host/run-tool.js";
import { readStream } from "./documents-source.js";

const URI = /^[a-z][a-z0-9+.-]*:\/\/[^]*$/i;
const MAX_OUTPUT_CHARS = 512 * 1024 * 1024;
/** Linux takes no longer argument than 128 KiB. */
const MAX_SCRIPT_BYTES = 100_000;

/** A running libvirt, asked through virsh. Its snapshots are only read. */
export class VirshSource implements ImportSource {
  readonly id = "virsh";
  readonly summary = "URI of a libvirt connection";

  recognizes(source: string): Promise<boolean> {
    return Promise.resolve(URI.test(source));
  }

  /** Without a domain, the snapshots of all domains there. Throws `tool-missing`, `tool-failed`. */
  async read(
    source: string,
    domain: Domain | undefined,
    reference?: string,
  ): Promise<ImportMaterial> {
    if (!URI.test(source))
      throw new DomsnapError("invalid-argument", `'${source}' is not the URI of a connection`);
    const uuids = domain ? [domain.uuid] : await uuidsOf(source, reference);
    const found = await Promise.all(uuids.map((uuid) => readDomain(source, uuid)));
    const definitions = found.flatMap(({ items, definition }) =>
      items.length > 0 && definition ? [definition] : [],
    );
    const [definition] = definitions;
    return {
      items: found.flatMap(({ items }) => items),
      problems: found.flatMap(({ problems }) => problems),
      ...(definitions.length === 1 && definition && { definition }),
    };
  }
}

/** Of one domain, which libvirt knows by that name or uuid, or of all. */
function uuidsOf(uri: string, reference: string | undefined): Promise<string[]> {
  const isUuid = reference !== undefined && canonicalUuid(reference) !== undefined;
  if (isUuid) return Promise.resolve([reference]);
  return lines(uri, reference === undefined ? "list --all --uuid" : `domuuid ${quoted(reference)}`);
}

async function readDomain(uri: string, uuid: string): Promise<ImportMaterial> {
  const names = await lines(uri, `snapshot-list ${uuid} --name --topological`);
  if (names.length === 0) return { items: [], problems: [] };
  const current = await currentOf(uri, uuid);
  const commands = names.map(
    (name) => `snapshot-dumpxml ${uuid} --security-info --snapshotname ${quoted(name)}`,
  );
  const origin = `${uri} ${uuid}`;
  const material = readStream((await runScripts(uri, commands)).join(""), origin);
  const items = material.items.map((item): ImportItem => ({
    ...item,
    origin: `${origin} ${item.snapshot.name}`,
    ...(item.snapshot.name === current && { current: true }),
  }));
  const answered = new Set(items.map(({ snapshot }) => snapshot.name));
  const missing = names
    .filter((name) => !answered.has(name))
    .map((name): RecordProblem => ({
      record: `${origin} ${name}`,
      reason: "virsh did not print it",
    }));
  const xml = await virsh(uri, `dumpxml ${uuid} --inactive --security-info`);
  return { items, problems: [...material.problems, ...missing], definition: parseDomain(xml) };
}

/** virsh fails where no snapshot is current. */
async function currentOf(uri: string, uuid: string): Promise<string | undefined> {
  const { stdout, exitStatus } = await runTool(
    "virsh",
    ["-q", "-r", "-c", uri, `snapshot-current ${uuid} --name`],
    { answerStatuses: [0, 1] },
  );
  return exitStatus === 0 ? stdout.replace(/\n+$/, "") : undefined;
}

async function lines(uri: string, command: string): Promise<string[]> {
  return (await virsh(uri, command)).split("\n").filter((line) => line !== "");
}

/** Many commands in few processes. */
async function runScripts(uri: string, commands: readonly string[]): Promise<string[]> {
  const outputs: string[] = [];
  let script = "";
  for (const command of commands) {
    if (
      script !== "" &&
      Buffer.byteLength(script) + Buffer.byteLength(command) > MAX_SCRIPT_BYTES
    ) {
      outputs.push(await virsh(uri, script));
      script = "";
    }
    script += `${command}; `;
  }
  outputs.push(await virsh(uri, script));
  return outputs;
}

async function virsh(uri: string, script: string): Promise<string> {
  const { stdout } = await runTool("virsh", ["-q", "-c", uri, script], {
    maxOutputChars: MAX_OUTPUT_CHARS,
  });
  return stdout;
}

/** A word for virsh's own parser. */
function quoted(text: string): string {
  return `"${text.replace(/[\\"]/g, "\\$&")}"`;
}
