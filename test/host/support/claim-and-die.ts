// Claims an image and is killed meanwhile: folder, claim as JSON.
import type { ImageClaim } from "../../../src/core/ports/index.js";
import { KernelImageLocks } from "../../../src/host/claimed-images.js";

const [folder = "", claim = ""] = process.argv.slice(2);
const locks = new KernelImageLocks(() => [folder]);
const user = { name: "dead", token: "dead", since: locks.now() };
// eslint-disable-next-line @typescript-eslint/require-await -- ends in the middle
await locks.run([JSON.parse(claim) as ImageClaim], user, { timeoutMs: 0 }, async () => {
  process.kill(process.pid, "SIGKILL");
});
