import { driverContract } from "../contract/driver-contract.ts";
import { zfsFactory } from "../support/zfs-volumes.ts";

driverContract(zfsFactory({ kind: "ZFS, a dataset by its name", by: "name" }));

driverContract(
  zfsFactory({
    kind: "ZFS, odd names, a mount point by its path",
    by: "path",
    path: "o:d d.a-t_a/x y:z",
    folderName: "-line one\nline two",
    mountName: "-deep/a b\n\t/ü ",
  }),
  // Between them they use every command that is given a name or a mount point.
  ["snapshots without a mark", "rollback"],
);
