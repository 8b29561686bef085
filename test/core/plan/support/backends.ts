import { BackendRegistry } from "../../../../src/core/plan/backend-registry.js";
import type { KeeperProfile } from "../../../../src/core/plan/kept-disk.js";
import { blktapProfile } from "../../../../src/plugins/blktap/blktap-profile.js";
import { ddProfile } from "../../../../src/plugins/dd/dd-profile.js";
import { qdiskProfile } from "../../../../src/plugins/qdisk/qdisk-profile.js";

/** The backends as they describe themselves: what decisions know of them. */
export const BACKENDS = new BackendRegistry<KeeperProfile>([
  qdiskProfile,
  ddProfile,
  { ...blktapProfile, keepsPaths: true },
]);
