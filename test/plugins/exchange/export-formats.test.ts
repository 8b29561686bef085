import "reflect-metadata";

import { Container } from "inversify";

import { ExportFormat } from "../../../src/core/ports/index.js";
import { EXCHANGE_MODULES } from "../../../src/exchange-modules.js";
import { describeExportFormat } from "../../../src/testing/index.js";

const container = new Container();
container.load(...EXCHANGE_MODULES);

for (const format of container.getAll<ExportFormat>(ExportFormat))
  describeExportFormat(format.id, () => format);
