import { expect } from "chai";

import { openSnapshotService } from "../../../src/container.js";
import type { SnapshotService } from "../../../src/core/operations/snapshot-service.js";
import type { LabGuest } from "./lab-guest.js";

/**
 * Boots a guest for the tests of the surrounding block and starts its writer; gives the service of
 * its host, and the proof that the guest goes on with memory and disks of one instant.
 */
export function useWrittenGuest(guest: LabGuest) {
  let service: SnapshotService | undefined;
  before(async () => {
    service = await openSnapshotService("xen:///system");
    guest.define();
    await guest.boot();
    await guest.startWriter();
  });
  after(async () => {
    await service?.close();
    guest.remove();
  });
  return {
    get service(): SnapshotService {
      if (!service) throw new Error("the service is open within tests only");
      return service;
    },
    expectCoherent: async (): Promise<void> => {
      await guest.stampAbove(await guest.stamp());
      expect(await guest.incoherence()).to.equal("");
    },
  };
}
