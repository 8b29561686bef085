import type { Driver } from "../driver.js";
import { hostArchitecture } from "./node-info.js";

/**
 * What clients learn of host and guests. `<externalSnapshot/>` lets virt-manager offer snapshots
 * outside of the images.
 */
export function capabilitiesXml({ domainType, osTypes }: Driver): string {
  const arch = hostArchitecture();
  const wordSize = arch === "i686" ? 32 : 64;
  const guests = osTypes.map(
    (osType) => `
  <guest>
    <os_type>${osType}</os_type>
    <arch name='${arch}'>
      <wordsize>${wordSize}</wordsize>
      <domain type='${domainType}'/>
    </arch>
    <features>
      <externalSnapshot/>
    </features>
  </guest>
`,
  );
  return `<capabilities>

  <host>
    <cpu>
      <arch>${arch}</arch>
    </cpu>
  </host>
${guests.join("")}
</capabilities>
`;
}
