import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

import { openSnapshotService } from "../../../src/container.js";
import { domainXml, fill, qemuImg, UUID } from "./import-lab.js";
import { LibvirtRoot, type LibvirtView } from "./libvirt-root.js";

const PROGRAM = fileURLToPath(new URL("../../../bin/domsnap.cjs", import.meta.url));
export const DOMAIN = "vm1";
/** Its snapshots, the current one last. */
export const TREE = { inside: undefined, outside: "inside" } as const;
export const NAMES = Object.keys(TREE);

/** A libvirt with the guest vm1, which has an internal snapshot and goes on in an overlay. */
export class GuideLibvirt {
  readonly root = new LibvirtRoot();
  readonly overlay = join(this.root.images, "vda.outside");
  readonly definition: string;
  readonly view: LibvirtView;
  readonly #overlayMode: number;

  constructor() {
    const image = join(this.root.images, "vda.qcow2");
    qemuImg("create", "-q", "-f", "qcow2", image, "1M");
    fill(image, 1);
    this.root.giveAway();
    this.root.define(domainXml(this.root.images));
    this.root.virsh(
      `snapshot-create-as ${DOMAIN} inside`,
      `snapshot-create-as ${DOMAIN} outside --disk-only`,
    );
    [this.definition = ""] = this.root.virsh(`dumpxml ${DOMAIN} --inactive`);
    this.view = this.root.view(DOMAIN, NAMES);
    this.#overlayMode = statSync(this.overlay).mode;
  }

  /** The permissions of the overlay as libvirt has made it. */
  restore(): void {
    chmodSync(this.overlay, this.#overlayMode);
  }
}

/** A guest's snapshots, as domsnap tells them. */
export interface GuestState {
  /** The parent of each snapshot. */
  readonly tree: Readonly<Record<string, string | undefined>>;
  readonly current: string | undefined;
  /** What the domain goes on with. */
  readonly images: readonly string[];
  /** What a check finds, each code once. */
  readonly findings: readonly string[];
}

export interface LineResult {
  readonly status: number | null;
  readonly output: string;
}

/** A reader of the guide: a connection without domains, and the guide's paths below a folder. */
export class GuideReader {
  readonly folder = mkdtempSync(join(tmpdir(), "domsnap-guide-"));
  /** Of the host that has read the guide so far. */
  #connection = this.#newConnection();
  /** Which libvirt is spoken to. */
  target: LibvirtRoot;

  constructor(readonly source: GuideLibvirt) {
    this.target = source.root;
    source.restore();
  }

  /** Where a path of the guide is here. */
  path(ofGuide: string): string {
    return this.#here(ofGuide);
  }

  /** Goes on as somebody without any domain. */
  onAnotherHost(): void {
    this.#connection = this.#newConnection();
  }

  /** Runs a line as it stands in the guide, but for its paths and addresses, by a shell. */
  run(line: string, { answer }: { answer?: string } = {}): LineResult {
    const script = join(this.folder, "line.sh");
    const domsnap = `domsnap() { '${process.execPath}' '${PROGRAM}' "$@"; }`;
    writeFileSync(script, `set -e -o pipefail\n${domsnap}\n${this.#here(line)}\n`);
    // Who is to be asked needs a terminal.
    const [program, ...args] =
      answer === undefined
        ? ["bash", script]
        : ["script", "-q", "-e", "-c", `bash '${script}'`, "/dev/null"];
    const { status, stdout, stderr } = spawnSync(program ?? "", args, {
      cwd: this.folder,
      encoding: "utf8",
      input: answer ?? "",
      env: {
        ...process.env,
        NO_COLOR: "1",
        LC_ALL: "C",
        PATH: `${this.target.virshForAll(join(this.folder, "bin"))}:${process.env["PATH"] ?? ""}`,
        DOMSNAP_DEFAULT_URI: this.#connection,
        VIRSH_DEFAULT_CONNECT_URI: this.target.uri,
      },
    });
    return { status, output: stdout + stderr };
  }

  /** As `run`, for what has to succeed; returns what it prints. */
  must(line: string): string {
    const { status, output } = this.run(line);
    if (status !== 0) throw new Error(`${line}: ${String(status)}\n${output}`);
    return output.trim();
  }

  define(xml = this.source.definition): void {
    writeFileSync(join(this.folder, "domain.xml"), xml);
    this.must("domsnap define domain.xml");
  }

  /** What domsnap keeps of the domain. */
  async state(): Promise<GuestState> {
    const service = await openSnapshotService(this.#connection);
    try {
      const { heads, current } = await service.list(DOMAIN);
      const { definition } = await service.findDomain(DOMAIN);
      const reports = await service.check(DOMAIN);
      return {
        tree: Object.fromEntries(heads.map(({ name, parent }) => [name, parent])),
        current,
        images: definition.disks.map(({ source }) => source?.path ?? "no image"),
        findings: [...new Set(reports.flatMap(({ findings }) => findings.map(({ code }) => code)))],
      };
    } finally {
      await service.close();
    }
  }

  remove(): void {
    rmSync(this.folder, { recursive: true });
  }

  #newConnection(): string {
    const folder = mkdtempSync(join(this.folder, "connection-"));
    return pathToFileURL(folder).href;
  }

  #here(text: string): string {
    const places: readonly (readonly [string, string])[] = [
      ["/var/lib/libvirt/qemu/snapshot", join(this.source.root.metadata(DOMAIN), "..")],
      ["/var/lib/xen/snapshots/UUID", this.#folder("xen", UUID)],
      ["/tmp/", `${this.#folder("tmp")}/`],
      ["/backup/", `${this.#folder("backup")}/`],
      // To another host virsh goes by ssh, which tests do not have.
      ["qemu+ssh://host/system", `'${this.target.uri}'`],
      ["qemu:///system", `'${this.target.uri}'`],
    ];
    const pattern = new RegExp(
      places.map(([from]) => from.replace(/[+/]/g, "\\$&")).join("|"),
      "g",
    );
    return text.replace(pattern, (found) => places.find(([from]) => from === found)?.[1] ?? found);
  }

  #folder(...parts: string[]): string {
    const path = join(this.folder, ...parts);
    mkdirSync(path, { recursive: true });
    return path;
  }
}
