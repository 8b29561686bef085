// The command line from the sources: node --import tsx scripts/domsnap.ts ...
import { main } from "../src/cli/main.js";

await main({ importModule: (url) => import(url) as Promise<unknown> });
