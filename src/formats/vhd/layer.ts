import { SECTOR_BYTES, type SectorRun } from "./layout.js";
import type { ImageFile } from "./image-files.js";

/** One file of a chain, seen as sectors of which some are present. */
export interface Layer {
  readonly path: string;
  /** What a guest would see of it. */
  readonly sizeBytes: number;
  /** The sectors of a run that this file holds itself, ascending. */
  presentRuns(run: SectorRun): Promise<readonly SectorRun[]>;
  /** Reads sectors that are present. */
  readSectors(buffer: Buffer, sector: number): Promise<void>;
  close(): Promise<void>;
}

/** Sectors that stand in a file just as the guest sees them: raw images and fixed VHDs. */
export class FlatLayer implements Layer {
  constructor(
    readonly file: ImageFile,
    readonly sizeBytes: number,
  ) {}

  get path(): string {
    return this.file.path;
  }

  // eslint-disable-next-line @typescript-eslint/require-await -- others have to read a bitmap
  async presentRuns({ sector, count }: SectorRun): Promise<readonly SectorRun[]> {
    const held = Math.min(count, Math.floor(this.sizeBytes / SECTOR_BYTES) - sector);
    return held > 0 ? [{ sector, count: held }] : [];
  }

  readSectors(buffer: Buffer, sector: number): Promise<void> {
    return this.file.read(buffer, sector * SECTOR_BYTES);
  }

  close(): Promise<void> {
    return this.file.close();
  }
}
