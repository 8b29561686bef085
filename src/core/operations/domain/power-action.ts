/** What can be done to a domain as a whole; virsh's verbs. */
export type PowerAction =
  | { readonly verb: "start"; readonly paused: boolean }
  | { readonly verb: "destroy"; readonly graceful?: boolean }
  | { readonly verb: "shutdown" | "suspend" | "resume" };

/** What libvirt calls them in its errors. */
export const LIBVIRT_CALLS: Readonly<Record<PowerAction["verb"], string>> = {
  start: "virDomainCreate",
  destroy: "virDomainDestroy",
  shutdown: "virDomainShutdown",
  suspend: "virDomainSuspend",
  resume: "virDomainResume",
};
