import type { Answers } from "./answer.js";
import { connectionAnswers } from "./connection.js";
import { domainAnswers } from "./domains.js";
import { eventAnswers } from "./events.js";
import { jobAnswers } from "./jobs.js";
import { powerAnswers } from "./power.js";
import { snapshotAnswers } from "./snapshots.js";

/** All that is answered, a file of each group. */
export const ANSWERS: Answers = {
  ...connectionAnswers,
  ...domainAnswers,
  ...powerAnswers,
  ...snapshotAnswers,
  ...jobAnswers,
  ...eventAnswers,
};
export type { Caller } from "./answer.js";
