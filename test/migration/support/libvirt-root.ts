import { spawnSync } from "node:child_process";
import {
  chownSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { NOBODY, QEMU_CONF } from "../../../scripts/embedded-libvirt.mjs";
import { errorIn, quoted, runVirsh, type VirshSession } from "../../differential/support/virsh.js";

/** What libvirt says of the snapshots of a domain. */
export interface LibvirtView {
  readonly tree: string;
  readonly current: string;
  readonly documents: Readonly<Record<string, string>>;
}

/** libvirt's QEMU driver inside of virsh: no daemon, everything below one folder. */
export class LibvirtRoot {
  readonly folder = mkdtempSync(join(tmpdir(), "domsnap-migration-"));
  readonly images = join(this.folder, "images");
  readonly #root = join(this.folder, "root");

  constructor() {
    mkdirSync(join(this.#root, "etc"), { recursive: true });
    mkdirSync(this.images);
    writeFileSync(join(this.#root, "etc", "qemu.conf"), QEMU_CONF);
    this.giveAway();
  }

  get uri(): string {
    return `qemu:///embed?root=${this.#root}`;
  }

  /** Where the driver keeps the snapshots of a domain. */
  metadata(domain: string): string {
    return join(this.#root, "lib", "qemu", "snapshot", domain);
  }

  /** Runs commands in one process, and throws when one of them fails. */
  virsh(...commands: string[]): string[] {
    const answers = runVirsh(this.#session(), commands);
    answers.forEach((answer, index) => {
      const error = errorIn(answer);
      if (error !== undefined) throw new Error(`${commands[index] ?? ""}: ${error}`);
    });
    return answers.map((answer) => answer.trim());
  }

  /** Runs a program as the driver's user, and throws when it fails. */
  run(program: string, ...args: string[]): void {
    const { userId } = this.#session();
    const { status, stderr } = spawnSync(program, args, {
      encoding: "utf8",
      env: { ...process.env, HOME: this.folder },
      ...(userId !== undefined && { uid: userId, gid: userId }),
    });
    if (status !== 0) throw new Error(`${program}: ${String(status)}: ${stderr}`);
  }

  /**
   * Makes a folder for the front of PATH whose virsh runs as the driver's user, whoever calls it.
   */
  virshForAll(folder: string): string {
    const { userId } = this.#session();
    const ids = String(userId);
    const as = userId === undefined ? "" : `setpriv --reuid=${ids} --regid=${ids} --clear-groups`;
    mkdirSync(folder, { recursive: true });
    const lines = [
      "#!/bin/sh",
      'PATH="${PATH#*:}"',
      `HOME='${this.folder}'`,
      `exec ${as} virsh "$@"`,
    ];
    writeFileSync(join(folder, "virsh"), `${lines.join("\n")}\n`, { mode: 0o755 });
    return folder;
  }

  /** Takes over what another driver knows of QEMU, which takes it seconds to find out. */
  learnFrom(other: LibvirtRoot): void {
    cpSync(join(other.#root, "cache"), join(this.#root, "cache"), { recursive: true });
    this.giveAway();
  }

  define(xml: string): void {
    this.write("domain.xml", xml);
    this.virsh("define domain.xml");
  }

  /** Puts a file where virsh finds it by its name. */
  write(name: string, text: string): void {
    const path = join(this.folder, name);
    writeFileSync(path, text);
    this.#give(path);
  }

  /** Everything that virsh tells, loaded anew from the metadata. */
  view(domain: string, names: readonly string[]): LibvirtView {
    this.giveAway();
    const [tree = "", current = "", ...documents] = this.virsh(
      `snapshot-list ${domain} --tree`,
      `snapshot-current ${domain} --name`,
      ...names.map((name) => `snapshot-dumpxml ${domain} --snapshotname ${quoted(name)}`),
    );
    return {
      tree,
      current,
      documents: Object.fromEntries(names.map((name, index) => [name, documents[index] ?? ""])),
    };
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** Lets the driver's user have all of it; to be called after writing here. */
  giveAway(folder = this.folder): void {
    this.#give(folder);
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) this.giveAway(path);
      else if (entry.isFile()) this.#give(path);
    }
  }

  #give(path: string): void {
    if (process.getuid?.() === 0) chownSync(path, NOBODY, NOBODY);
  }

  #session(): VirshSession {
    const user = process.getuid?.() === 0 ? { userId: NOBODY } : {};
    return { uri: this.uri, directory: this.folder, ...user };
  }
}
