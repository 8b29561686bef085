import type { DiskForm } from "./disk-kinds.js";
import { SweepGuest } from "./sweep-guest.js";

/** A chain of snapshots of all disks in their forms, with a guest that writes in between. */
export function playOn(forms: readonly DiskForm[]) {
  const document = (name: string, description?: string) => (guest: SweepGuest) => [
    "snapshot-create",
    "guest",
    guest.document(
      name,
      forms.map((form, at) => form.document(SweepGuest.target(at))).join(""),
      description,
    ),
  ];
  return {
    disks: forms.map(({ kind }) => kind),
    document,
    chain: async (guest: SweepGuest, length: number, description?: string): Promise<void> => {
      for (let at = 1; at <= length; at++) {
        guest.must(...document(`s${at}`, description)(guest));
        await guest.write(100 + at);
      }
    },
  };
}
