import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { relative } from "node:path";

import { CELLS } from "./cells.js";
import { domainXml, imageNamed, makeImage, writeCell, type NamedDisk } from "./deeds.js";
import { accountAfter } from "./effects.js";
import { differences } from "./file-tree.js";
import { OpenImages } from "./open-images.js";
import { baseOf, readImage } from "./reading/images.js";
import { runCommand, type Ended } from "./run-command.js";
import { demand, Violation } from "./violation.js";
import { uuidOf, type World } from "./world.js";

/**
 * Plays lines of a script in a world. A script can be read, printed by a failure, and kept:
 *
 *     image FILE [on BASE]              the user makes an empty image; its suffix is its format
 *     define DOMAIN vda=FILE[:FORMAT]   (again) defines a domain with these disks
 *     write DOMAIN vda [CELL]           the guest writes what was never written before
 *     file NAME TEXT                    the user writes a file
 *     ln, mv, cp, rm, mkdir ...         the user does this in the folder
 *     hide FILE|FOLDER/                 a file or mounted folder is away for a while
 *     break FILE                        a file cannot be understood for a while
 *     show                              all of these are back
 *     open FILE, close                  a QEMU has it open meanwhile
 *     grep, test ...                    has to be so
 *     rename|clone DOMAIN OLD NEW       snapshot-edit --rename, --clone
 *     domsnap ...                       any other command; `$W` is the folder
 *     must|refused LINE                 a command that has to succeed, or that must not
 */
export class Script {
  /** What was played. */
  readonly lines: string[] = [];
  /** How often commands were refused, by code. */
  readonly refusals = new Map<string, number>();
  readonly #openImages = new OpenImages();
  #stamp = 0;

  constructor(readonly world: World) {}

  /** Throws a `Violation`. */
  async play(line: string): Promise<Ended | undefined> {
    this.lines.push(line);
    const [word = "", ...rest] = line.split(" ");
    switch (word) {
      case "must":
        return this.#expect(rest.join(" "), true);
      case "refused":
        return this.#expect(rest.join(" "), false);
      case "domsnap":
        return this.#command(rest, rest);
      case "rename":
      case "clone":
        return this.#edit(word, rest);
      case "define":
        return this.#define(rest);
      default:
        await this.#byUser(word, rest);
        return undefined;
    }
  }

  /**
   * Does what refusals advise: images of the user's that nobody uses, and domains without snapshots
   * that stand on images of others, stand alone then. Says whether there was one.
   */
  async separate(): Promise<boolean> {
    const { world } = this;
    const [unused] = world.owned
      .images()
      .filter((name) => !world.isUsed(world.path(name)) && baseOf(imageNamed(world.path(name))));
    if (unused !== undefined) {
      await this.#rebase(unused);
      return true;
    }
    for (const [domain, { held }] of world.account) {
      if (held.size > 0) continue;
      const shared = [...world.disks(domain)].filter(([target]) =>
        world.standsOnOthers(domain, target),
      );
      if (shared.length === 0) continue;
      for (const [target, { path, format }] of shared)
        if (format === "qcow2" && baseOf({ path, format }))
          await this.#rebase(relative(world.home, path));
        else await this.#replace(domain, target, `own-${domain}-${target}.raw`);
      return true;
    }
    return false;
  }

  async #rebase(name: string): Promise<void> {
    await this.play(`qemu-img rebase -f qcow2 -b EMPTY ${name}`);
  }

  async #replace(domain: string, target: string, name: string): Promise<void> {
    const { world } = this;
    const all = world.disks(domain);
    const image = all.get(target);
    if (image) await world.asUser(() => writeFileSync(world.path(name), readImage(image)));
    const disks = [...all].map(([other, { path, format }]) =>
      other === target ? `${other}=${name}` : `${other}=${relative(world.home, path)}:${format}`,
    );
    await this.play(`define ${domain} ${disks.join(" ")}`);
  }

  async #byUser(word: string, rest: readonly string[]): Promise<void> {
    const { world } = this;
    if (word === "write") {
      const [domain = "", target = ""] = rest;
      const written = world.namesakes(domain, target);
      await world.asUser(
        () => this.#write(rest),
        (...disk) => written.has(disk.join(" ")),
      );
    } else if (!(await this.#happen(word, rest)))
      await world.asUser(() => {
        if (word === "image") return this.#image(rest);
        if (word === "file") return this.#file(rest);
        return this.#run(word, rest);
      });
    world.verify();
  }

  /** What changes nothing of what is there; says whether it was such. */
  async #happen(word: string, [name = ""]: readonly string[]): Promise<boolean> {
    const { world } = this;
    switch (word) {
      case "hide":
        world.hide(this.#expand(name));
        return true;
      case "break":
        world.break(this.#expand(name));
        return true;
      case "show":
        world.show();
        return true;
      case "open":
        await this.#openImages.open(imageNamed(world.path(name)));
        return true;
      case "close":
        await this.close();
        return true;
      default:
        return false;
    }
  }

  /** Ends what has images open. */
  close(): Promise<void> {
    return this.#openImages.close();
  }

  #run(program: string, args: readonly string[]): void {
    const { home } = this.world;
    const { status, stderr } = spawnSync(
      program,
      args.map((word) => this.#expand(word)),
      { cwd: home, encoding: "utf8" },
    );
    if (status === 0) return;
    const line = [program, ...args].join(" ");
    if (ASSERTIONS.has(program)) throw new Violation(`not so: ${line}`);
    throw new Error(`${line}: ${stderr}`);
  }

  #file([name = "", ...words]: readonly string[]): void {
    writeFileSync(this.world.path(name), this.#expand(words.join(" ")));
  }

  async #expect(line: string, succeeds: boolean): Promise<Ended | undefined> {
    this.lines.pop();
    const ended = await this.play(line);
    this.lines.splice(-1, 1, `${succeeds ? "must" : "refused"} ${line}`);
    demand((ended?.status === 0) === succeeds, () =>
      succeeds ? `'${line}' has to succeed: ${ended?.text ?? ""}` : `'${line}' was not refused`,
    );
    return ended;
  }

  /** Runs a command, and holds what it did against what it said; `meaning` is what the account knows. */
  async #command(
    words: readonly string[],
    meaning: readonly string[],
    env: Readonly<Record<string, string>> = {},
  ): Promise<Ended> {
    const { world } = this;
    const [photograph, records] = [world.photograph(), world.records()];
    const before = world.account;
    const ended = await runCommand(
      world.uri,
      words.map((word) => this.#expand(word)),
      env,
    );
    const changes = differences(photograph, world.photograph());
    if (ended.status === 0) {
      const found = world.observe();
      const { data } = ended;
      world.account = accountAfter({ words: meaning, data, records, before, found });
    } else {
      this.refusals.set(ended.code ?? "", (this.refusals.get(ended.code ?? "") ?? 0) + 1);
      demand(
        ended.status === 1 || words[0] === "check",
        () => `neither done nor refused: ${ended.text}`,
      );
      demand(changes.length === 0, () => `refused, but ${changes.join(", ")}: ${ended.text}`);
    }
    if (words[0] === "check") this.#verifyFindings(ended);
    if (changes.length > 0) world.verify();
    return ended;
  }

  #edit(word: "rename" | "clone", [domain = "", old = "", name = ""]: readonly string[]) {
    const words = ["snapshot-edit", domain, old, `--${word}`];
    const EDITOR = `sed -i s/<name>${old}</<name>${name}</`;
    return this.#command(words, [word, domain, old, name], { VISUAL: EDITOR });
  }

  async #define([domain = "", ...disks]: readonly string[]): Promise<Ended> {
    const { world } = this;
    const file = world.path("away/defined.xml");
    const named = disks.map((disk) => this.#namedDisk(disk));
    writeFileSync(file, domainXml(domain, uuidOf(domain), named));
    if (!world.account.has(domain))
      world.account.set(domain, { present: new Map(), held: new Map() });
    let ended: Ended | undefined;
    await world.asUser(async () => {
      ended = await runCommand(world.uri, ["define", file]);
    });
    if (ended?.status !== 0) throw new Violation(`not defined: ${ended?.text ?? ""}`);
    world.owned.useAsDisks([...world.disks(domain).values()].map(({ path }) => path));
    world.verify();
    return ended;
  }

  #namedDisk(text: string): NamedDisk {
    const [, target = "", name = "", format] = /^(\w+)=([^:]+)(?::(\w+))?$/.exec(text) ?? [];
    // As it is given: a path may have links and '..' in it.
    const image = imageNamed(`${this.world.home}/${name}`);
    return { target, ...image, ...(format === undefined ? {} : { format }) };
  }

  async #image([name = "", , base]: readonly string[]): Promise<void> {
    const { world } = this;
    const image = imageNamed(world.path(name));
    await makeImage(image, base === undefined ? undefined : imageNamed(world.path(base)));
    world.owned.addImage(name, image.format);
  }

  #write([domain = "", target = "", cell]: readonly string[]): void {
    const image = this.world.disks(domain).get(target);
    if (!image) throw new Error(`'${domain}' has no disk '${target}'`);
    const stamp = ++this.#stamp;
    const at = cell === undefined ? (stamp * 7) % CELLS : Number(cell);
    writeCell(image, at, stamp, this.world.path("away/pattern"));
  }

  /** What a check calls a stranger or a leftover must not be what somebody uses. */
  #verifyFindings({ data }: Ended): void {
    const { domains = [] } = (data ?? {}) as { readonly domains?: readonly Report[] };
    for (const { code, subject } of domains.flatMap(({ findings }) => findings))
      demand(
        !(REMOVABLE.has(code) && this.world.isUsed(subject)),
        () => `check calls '${subject}' removable (${code}), and it is used`,
      );
  }

  /** `{vm}` is the uuid of vm, `EMPTY` a word without letters. */
  #expand(word: string): string {
    return word
      .replaceAll("$W", this.world.home)
      .replace(/^EMPTY$/, "")
      .replace(/\{(\w+)\}/g, (_all, domain: string) => uuidOf(domain));
  }
}

interface Report {
  readonly findings: readonly { readonly code: string; readonly subject: string }[];
}

/** Programs that say whether something is so. */
const ASSERTIONS: ReadonlySet<string> = new Set(["grep", "test"]);

/** Findings whose advice is to remove the file. */
const REMOVABLE: ReadonlySet<string> = new Set([
  "overlay-unknown",
  "file-leftover",
  "copy-unnamed",
]);
