// Takes the lock of a domain, says so, and holds it for some time.
import { setTimeout as sleep } from "node:timers/promises";

import { patience } from "../../../scripts/test-run/patience.cjs";
import { KernelFileLock } from "../../../src/plugins/store-file/index.js";

const [stateFolder = "", domainUuid = "", holdMs = "0", times = "1"] = process.argv.slice(2);

const lock = new KernelFileLock(stateFolder);
for (let time = 0; time < Number(times); time++)
  await lock.run(domainUuid, { timeoutMs: patience(30_000) }, async () => {
    process.stdout.write(`in ${process.pid} ${process.hrtime.bigint()}\n`);
    await sleep(Number(holdMs));
    process.stdout.write(`out ${process.pid} ${process.hrtime.bigint()}\n`);
  });
