export * from "./catalogue.js";
export * from "./domsnap-error.js";
