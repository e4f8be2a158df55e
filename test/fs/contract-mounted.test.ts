import { driverContract } from "../contract/driver-contract.ts";
import { btrfsFactory } from "../support/volumes.ts";

driverContract(btrfsFactory({ kind: "Btrfs, a subvolume that is a mount point", isMounted: true }));

driverContract(
  btrfsFactory({
    kind: "Btrfs, odd names, a mount point",
    isMounted: true,
    folderName: " new\nline \\040",
    folder: "-deep/a b\n\t/ü ",
    base: "-ñ ode@1 %s#",
    mountOptions: ["noatime", "nosuid"],
  }),
);
