export * from "./catalogue.js";
export * from "./domsnap-error.js";
export * from "./way-out.js";
