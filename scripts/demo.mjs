// The main job from end to end, with nothing but Node: a libvirt <domainsnapshot> document becomes
// a snapshot of a disk image, the image changes, and the revert brings its content back.
import { spawnSync } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import {
  closeSync,
  ftruncateSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const fixtures = join(root, "fixtures", "libvirt-xml");

/** Where the documents of the fixtures expect the images; the demo has them in its own folder. */
const FIXTURE_IMAGES = "/var/lib/libvirt/images";
const IMAGE_BYTES = 64 * 1024 * 1024;
const CHANGED_BYTES = 4096;

const folder = mkdtempSync(join(tmpdir(), "domsnap-demo-"));
const image = join(folder, "images", "guest.raw");
const uri = pathToFileURL(join(folder, "domains")).href;

try {
  demo();
  console.log("\nThe content is back.");
} catch (error) {
  console.error(`\nThe demo failed: ${error.message}`);
  process.exitCode = 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}

function demo() {
  for (const name of ["images", "domains"]) mkdirSync(join(folder, name));
  makeImage();
  placeDocument("guest.xml", "domains/raw.xml");
  placeDocument("snapshot.xml", "external-copy-raw.xml");
  explain(
    `A raw image of 64 MiB, a domain that uses it, and a snapshot document are in ${folder}.`,
  );
  const before = showHash();
  console.log(`$ export DOMSNAP_DEFAULT_URI=${uri}`);

  explain("Make the domain known: the toolstack of this URI keeps definitions in a folder.");
  domsnap("define", "guest.xml");
  domsnap("list", "--all");

  explain("What would the document do? A dry run shows the plan and changes nothing.");
  domsnap("snapshot-create", "guest", "snapshot.xml", "--dry-run");

  explain("Take the snapshot: the raw disk is copied, the domain keeps its image.");
  domsnap("snapshot-create", "guest", "snapshot.xml");

  explain("Take a second one from arguments; it becomes the child of the first.");
  domsnap("snapshot-create-as", "guest", "second", "--diskspec", secondDisk());
  domsnap("snapshot-list", "guest", "--tree");
  domsnap("snapshot-info", "guest", "copied");

  explain("The guest writes to its disk.");
  changeImage();
  if (showHash() === before) throw new Error("the image did not change");

  explain("Go back to the first snapshot.");
  domsnap("snapshot-revert", "guest", "copied");
  const after = showHash();
  if (after !== before) throw new Error(`the content is ${after} instead of ${before}`);

  explain("Delete both: their copies go, the present state stays.");
  domsnap("snapshot-delete", "guest", "copied", "--children");
  domsnap("snapshot-list", "guest");
  const end = showHash();
  if (end !== before) throw new Error(`deleting changed the content to ${end}`);
}

function explain(text) {
  console.log(`\n# ${text}`);
}

function domsnap(...args) {
  console.log(`$ domsnap ${args.join(" ")}`);
  const { status } = spawnSync(process.execPath, [join(root, "bin", "domsnap.cjs"), ...args], {
    cwd: folder,
    env: { ...process.env, DOMSNAP_DEFAULT_URI: uri, NO_COLOR: "1" },
    stdio: ["ignore", "inherit", "inherit"],
  });
  if (status !== 0) throw new Error(`domsnap ${args[0]} ended with status ${status}`);
}

/** Random data at the beginning and the end, a hole between them. */
function makeImage() {
  const file = openSync(image, "w", 0o600);
  ftruncateSync(file, IMAGE_BYTES);
  for (const position of [0, IMAGE_BYTES - 1024 * 1024])
    writeSync(file, randomBytes(1024 * 1024), 0, undefined, position);
  closeSync(file);
}

function changeImage() {
  const file = openSync(image, "r+");
  writeSync(file, Buffer.alloc(CHANGED_BYTES, "overwritten by the guest\n"), 0);
  closeSync(file);
}

function placeDocument(name, fixture) {
  const text = readFileSync(join(fixtures, fixture), "utf8");
  writeFileSync(join(folder, name), text.replaceAll(FIXTURE_IMAGES, join(folder, "images")));
}

function secondDisk() {
  return `vda,snapshot=external,driver=raw,file=${join(folder, "images", "guest.second.raw")}`;
}

function showHash() {
  const hash = createHash("sha256").update(readFileSync(image)).digest("hex");
  console.log(`$ sha256sum images/guest.raw\n${hash}  images/guest.raw`);
  return hash;
}
