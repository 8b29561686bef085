import { readAsGuest, writeAsGuest } from "../../../formats/vhd/support/guest-vhd.js";
import { TapCtl, type Tapdisk } from "../../../../src/plugins/blktap/tap-ctl.js";

/** One running disk without a program behind it, for tests that pause it very often. */
export class MemoryTapCtl extends TapCtl {
  #state = 0;
  #writes = 1;

  constructor(private readonly path: string) {
    super();
  }

  override list(): Promise<Tapdisk[]> {
    const { path } = this;
    const state = this.#state;
    return Promise.resolve([{ pid: 1_000_000_000, minor: 0, state, type: "vhd", path }]);
  }

  override images(): Promise<string[]> {
    return Promise.resolve([this.path]);
  }

  override pause(): Promise<void> {
    this.#state = 0x2a;
    return Promise.resolve();
  }

  /** The guest goes on by writing again what it has. */
  override unpause(): Promise<void> {
    this.#state = 0;
    if (this.#writes-- > 0) {
      const sector = readAsGuest(this.path, "vhd").subarray(0, 512);
      writeAsGuest(this.path, "vhd", 0, sector);
    }
    return Promise.resolve();
  }
}
