// Writes the same record over and over, longer each time, until it is killed.
import { FileSnapshotStore } from "../../../src/plugins/store-file/index.js";
import { SAMPLE_UUID, sampleSnapshot } from "../../../src/testing/index.js";
import { libvirtDocuments } from "../../../src/xml/index.js";

const [stateFolder = ""] = process.argv.slice(2);

const store = new FileSnapshotStore(stateFolder, libvirtDocuments);
for (let round = 1; ; round++) {
  const description = `${round} `.repeat(20_000);
  await store.write(SAMPLE_UUID, sampleSnapshot({ description }));
  await store.setCurrent(SAMPLE_UUID, "sample");
  if (round === 1) process.stdout.write("writing\n");
}
