import { driverContract } from "../contract/driver-contract.ts";
import { btrfsFactory } from "../support/volumes.ts";

driverContract(btrfsFactory({ kind: "Btrfs, a subvolume in a mounted directory", isMounted: false }));

driverContract(
  btrfsFactory({
    kind: "Btrfs, odd names, beside a subvolume",
    isMounted: false,
    folderName: "-line one\nline two",
    folder: "-deep/a b\n/ü ",
    base: "-blöck chain@5 'x\" $(id)",
  }),
);
