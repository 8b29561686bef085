export { formatBashCompletion } from "./bash-completion.js";
export { formatManPage } from "./man-page.js";
