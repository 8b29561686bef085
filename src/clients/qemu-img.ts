import { isAbsolute } from "node:path";

import {
  array,
  number,
  object,
  optional,
  parse,
  string,
  type GenericSchema,
  type InferOutput,
} from "valibot";

import { DomsnapError } from "../core/errors/index.js";
import { IMAGE_FORMATS, type ImageRef } from "../core/model/index.js";
import type { ImageInfo, ImageSnapshot } from "../core/ports/index.js";
import { plainBackingPath } from "../formats/qcow2/backing-name.js";
import { probeFile } from "../host/probe-file.js";
import { runTool, type ToolOutput } from "../host/run-tool.js";

/** An image with its format. What it is made of does not matter to qemu-img. */
export type FormattedImage = Pick<ImageRef, "path" | "format">;

export interface CallOptions {
  readonly signal?: AbortSignal;
}

export interface LongCallOptions extends CallOptions {
  /** Told from 0 to 1 while the call works. */
  readonly onFraction?: (fraction: number) => void;
}

/** What `qemu-img check` has found. */
export interface ImageCheck {
  /** Places that contradict one another: what is written next may hit what something else needs. */
  readonly corruptions: number;
  /** Places that could not be looked at. */
  readonly errors: number;
  /** Clusters that take room and belong to nothing; harmless. */
  readonly leaks: number;
  /** Where the last cluster in use ends. */
  readonly endOffset: number;
  /** The first complaint in qemu-img's words. */
  readonly complaint?: string;
}

/** Exit statuses of `qemu-img check`. */
const CHECK = { sound: 0, failed: 1, corrupt: 2, leaks: 3 } as const;

/** QEMU keeps a tag in 256 bytes with its final zero and cuts longer ones without a word. */
const MAX_TAG_BYTES = 255;

/**
 * A client of `qemu-img`. The format is always told and never probed; paths are absolute, so that
 * none can be taken for an option, a protocol or a `json:` description. QEMU's image locks are
 * respected: an image that a program has open gives `image-in-use`. Every call may also throw
 * `tool-missing`, `tool-failed`, `cancelled`.
 */
export class QemuImg {
  constructor(private readonly program = "qemu-img") {}

  /**
   * What the image says of itself; its backing images are not opened. `shared` looks at an image
   * that is in use, too; without it that is `image-in-use`. Throws `disk-unsupported` for an image
   * whose structure QEMU does not understand; `tool-failed` says nothing about the image.
   */
  async info(
    image: FormattedImage,
    options: CallOptions & { readonly shared?: boolean } = {},
  ): Promise<ImageInfo> {
    const share = options.shared ? ["-U"] : [];
    try {
      const { stdout } = await this.#call("info", ["--output=json", ...share], image, options);
      return parseInfo(image, stdout);
    } catch (error) {
      throw refusedImage(error, image.path);
    }
  }

  /**
   * Holds what the image says of its clusters against itself; only for qcow2 and qed. The image must
   * not be in use (`image-in-use`): what a guest is writing looks like damage.
   */
  async check(image: FormattedImage, options?: CallOptions): Promise<ImageCheck> {
    const { stdout, stderr, exitStatus } = await this.#call(
      "check",
      ["--output=json"],
      image,
      options,
      { answerStatuses: [CHECK.sound, CHECK.failed, CHECK.corrupt, CHECK.leaks] },
    );
    if (exitStatus !== CHECK.failed || stdout.trim() !== "") return parseCheck(stdout, stderr);
    throw knownFailure(new DomsnapError("tool-failed", `qemu-img: ${stderr.trim()}`), image.path);
  }

  /**
   * Frees clusters that nothing refers to, and puts right what a program that was killed at its work
   * leaves beside them. Changes no content that anything refers to.
   */
  async repairLeaks(image: FormattedImage, options?: CallOptions): Promise<void> {
    await this.#call("check", ["-q", "-r", "leaks"], image, options, {
      answerStatuses: [CHECK.sound, CHECK.leaks],
    });
  }

  /** Adds an internal snapshot. qemu-img accepts a tag that exists already: check before. */
  async createSnapshot(image: FormattedImage, tag: string, options?: CallOptions): Promise<void> {
    assertTag(tag);
    await this.#call("snapshot", ["-q", "-c", tag], image, options);
  }

  /** Makes an internal snapshot the present state. By ID: qemu-img prefers it to an equal tag. */
  async revertToSnapshot(image: FormattedImage, id: string, options?: CallOptions): Promise<void> {
    await this.#call("snapshot", ["-q", "-a", id], image, options);
  }

  /**
   * Deletes an internal snapshot. qemu-img knows tags only here and takes the first of equal
   * ones, so this throws `image-conflict` unless the image holds the tag exactly once.
   */
  async deleteSnapshot(image: FormattedImage, tag: string, options?: CallOptions): Promise<void> {
    const { snapshots } = await this.info(image, options);
    if (!findSnapshot(image, snapshots, tag)) throw missingSnapshot(image, tag);
    await this.#call("snapshot", ["-q", "-d", tag], image, options);
  }

  /** Fills `overlay` with an empty image above `base`; the header tells both name and format. */
  async createOverlay(
    overlay: FormattedImage,
    base: FormattedImage,
    options?: CallOptions,
  ): Promise<void> {
    assertPath(base.path);
    await this.#call("create", ["-q", "-b", base.path, "-F", base.format], overlay, options);
  }

  /** Writes an overlay down into its backing image, which grows when it is smaller. Keeps both. */
  async commit(overlay: FormattedImage, options: LongCallOptions = {}): Promise<void> {
    await this.#call("commit", ["-d", "-p"], overlay, options);
  }

  /** Changes the backing image; `contentSame` only rewrites the header (`-u`). */
  async rebase(
    overlay: FormattedImage,
    base: FormattedImage,
    options: LongCallOptions & { readonly contentSame?: boolean } = {},
  ): Promise<void> {
    assertPath(base.path);
    const how = options.contentSame ? ["-u"] : ["-p"];
    await this.#call("rebase", [...how, "-b", base.path, "-F", base.format], overlay, options);
  }

  /** Whether a guest would see the same data in both; where one is longer it must hold zeroes. */
  async hasSameContent(
    one: FormattedImage,
    other: FormattedImage,
    options?: CallOptions,
  ): Promise<boolean> {
    assertPath(other.path);
    const args = ["-q", "-F", other.format];
    const result = await this.#call("compare", args, one, options, {
      operands: [other.path],
      answerStatuses: [0, 1],
    });
    return result.exitStatus === 0;
  }

  async #call(
    command: string,
    args: readonly string[],
    image: FormattedImage,
    options: LongCallOptions = {},
    more: { operands?: readonly string[]; answerStatuses?: readonly number[] } = {},
  ): Promise<ToolOutput> {
    assertPath(image.path);
    const { onFraction } = options;
    try {
      return await runTool(
        this.program,
        [command, ...args, ...describeImage(command, image), ...(more.operands ?? [])],
        {
          keepsLock: true,
          ...(options.signal && { signal: options.signal }),
          ...(onFraction && { onOutput: (text) => reportFraction(text, onFraction) }),
          ...(more.answerStatuses && { answerStatuses: more.answerStatuses }),
        },
      );
    } catch (error) {
      throw knownFailure(error, image.path);
    }
  }
}

/** The one internal snapshot with a tag, or undefined. Throws `image-conflict` for several. */
export function findSnapshot(
  image: FormattedImage,
  snapshots: readonly ImageSnapshot[],
  tag: string,
): ImageSnapshot | undefined {
  const found = snapshots.filter((snapshot) => snapshot.tag === tag);
  if (found.length > 1)
    throw new DomsnapError(
      "image-conflict",
      `image '${image.path}' holds ${found.length} snapshots with the name '${tag}'`,
      { hint: `Find the wrong one with 'qemu-img snapshot -l' and delete it.` },
    );
  return found[0];
}

/** The error for an internal snapshot that a record promises and the image does not have. */
export function missingSnapshot(image: FormattedImage, tag: string): DomsnapError {
  return new DomsnapError("image-conflict", `image '${image.path}' holds no snapshot '${tag}'`);
}

function assertPath(path: string): void {
  if (!isAbsolute(path) || path.includes("\0"))
    throw new DomsnapError("invalid-argument", `image path '${path}' is not absolute`);
}

/**
 * How an image is named. `qemu-img snapshot` has no -f; there options tell the format. A check is of
 * one image: what it stands on may be gone, or be the image itself, and qemu-img would open it.
 */
function describeImage(command: string, { path, format }: FormattedImage): string[] {
  if (command === "check") {
    const driver = probeFile(path).kind === "block" ? "host_device" : "file";
    const alone = { driver: format, backing: null, file: { driver, filename: path } };
    return [`json:${JSON.stringify(alone)}`];
  }
  if (command !== "snapshot") return ["-f", format, path];
  return ["--image-opts", `driver=${format},file.filename=${path.replaceAll(",", ",,")}`];
}

function assertTag(tag: string): void {
  const bytes = Buffer.byteLength(tag);
  if (bytes === 0 || bytes > MAX_TAG_BYTES || tag.includes("\0"))
    throw new DomsnapError(
      "config-unsupported",
      `an image cannot hold a snapshot with the name '${tag}'`,
      { hint: `Use a name of 1 to ${MAX_TAG_BYTES} bytes.` },
    );
}

/** The failures that a caller can do something about, told apart by qemu-img's words. */
function knownFailure(error: unknown, path: string): unknown {
  if (!(error instanceof DomsnapError) || error.code !== "tool-failed") return error;
  if (/Failed to get (shared )?"[^"]+" lock/.test(error.detail))
    return new DomsnapError("image-in-use", `image '${path}' is in use by another program`, {
      cause: error,
      hint: "Stop the program that has it open; 'fuser FILE' names it.",
    });
  if (error.detail.includes("No space left on device"))
    return new DomsnapError("no-space", error.detail, { cause: error });
  return error;
}

/** What may go wrong with any image, and go well the next time, in the words of strerror(3). */
const HOST_FAILURE = new RegExp(
  ": (Input/output error|Cannot allocate memory|Permission denied|Operation not permitted|" +
    "Too many open files( in system)?|Resource temporarily unavailable|Interrupted system call|" +
    "Device or resource busy|Stale file handle|Remote I/O error|No data available|" +
    "No such device( or address)?|Connection timed out|Host is down|No route to host|" +
    "Transport endpoint is not connected|Structure needs cleaning)$",
);

/** A verdict of QEMU's on the content of an image, told apart from what kept it from looking. */
function refusedImage(error: unknown, path: string): unknown {
  if (!(error instanceof DomsnapError) || error.code !== "tool-failed") return error;
  const reason = /: Could not open '[^]*?': ([^]+)$/.exec(error.detail)?.[1];
  if (reason === undefined || HOST_FAILURE.test(error.detail)) return error;
  return new DomsnapError("disk-unsupported", `image '${path}' cannot be used: ${reason}`, {
    cause: error,
    hint: "Look at it with 'qemu-img check'.",
  });
}

/** `-p` prints `(12.34/100%)` again and again. */
function reportFraction(text: string, report: (fraction: number) => void): void {
  const last = [...text.matchAll(/\((\d+(?:\.\d+)?)\/100%\)/g)].at(-1)?.[1];
  if (last !== undefined) report(Number(last) / 100);
}

const InfoDocument = object({
  "virtual-size": number(),
  "actual-size": optional(number(), 0),
  "backing-filename": optional(string()),
  "backing-filename-format": optional(string()),
  snapshots: optional(
    array(
      object({
        id: string(),
        name: string(),
        "vm-state-size": number(),
        "date-sec": number(),
        "date-nsec": number(),
        "vm-clock-sec": number(),
        "vm-clock-nsec": number(),
      }),
    ),
    [],
  ),
  "format-specific": optional(
    object({
      data: optional(object({ bitmaps: optional(array(object({ name: string() })), []) })),
    }),
  ),
});

function parseInfo(image: FormattedImage, json: string): ImageInfo {
  const info = readDocument(InfoDocument, "info", json);
  const backing = info["backing-filename"];
  const format = IMAGE_FORMATS.find((known) => known === info["backing-filename-format"]);
  const bitmaps = info["format-specific"]?.data?.bitmaps.map(({ name }) => name) ?? [];
  return {
    path: image.path,
    format: image.format,
    virtualSizeBytes: info["virtual-size"],
    allocatedBytes: info["actual-size"],
    ...(backing !== undefined && {
      backing: {
        path: plainBackingPath(backing, image.path) ?? backing,
        ...(format && { format }),
      },
    }),
    snapshots: info.snapshots.map((snapshot) => ({
      id: snapshot.id,
      tag: snapshot.name,
      dateSeconds: snapshot["date-sec"],
      dateNanoseconds: snapshot["date-nsec"],
      vmStateBytes: snapshot["vm-state-size"],
      vmClockNanoseconds:
        BigInt(snapshot["vm-clock-sec"]) * 1_000_000_000n + BigInt(snapshot["vm-clock-nsec"]),
    })),
    ...(bitmaps.length > 0 && { bitmaps }),
  };
}

const CheckDocument = object({
  corruptions: optional(number(), 0),
  "check-errors": optional(number(), 0),
  leaks: optional(number(), 0),
  "image-end-offset": optional(number(), 0),
});

function parseCheck(json: string, complaints: string): ImageCheck {
  const found = readDocument(CheckDocument, "check", json);
  const complaint = complaints.split("\n").find((line) => line.startsWith("ERROR"));
  return {
    corruptions: found.corruptions,
    errors: found["check-errors"],
    leaks: found.leaks,
    endOffset: found["image-end-offset"],
    ...(complaint !== undefined && { complaint: complaint.slice("ERROR".length).trim() }),
  };
}

function readDocument<Schema extends GenericSchema>(
  schema: Schema,
  command: string,
  json: string,
): InferOutput<Schema> {
  try {
    return parse(schema, JSON.parse(json));
  } catch (error) {
    throw new DomsnapError(
      "tool-failed",
      `qemu-img: '${command}' answered what cannot be understood`,
      { cause: error },
    );
  }
}
