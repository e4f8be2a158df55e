import { driverContract, isPart, PARTS } from "../contract/driver-contract.ts";
import { zfsFactory } from "../support/zfs-volumes.ts";

// The quick run in the lab spreads the parts over the two versions (tools/test-zfs.ts).
const wanted = (process.env["BTM_CONTRACT_PARTS"]?.split(",") ?? PARTS).filter(isPart);

// Odd names for all of it: plain ones are what the other tests have.
const path = "o:d d.a-t_a/x y:z";

driverContract(
  zfsFactory({ kind: "ZFS, odd names, a dataset by its name", by: "name", path, mountName: "-deep/a b \\040/ü " }),
  wanted,
);

// From where the dataset is found on, all is the same but for the mount point.
driverContract(
  zfsFactory({
    kind: "ZFS, odd names, a mount point by its path",
    by: "path",
    path,
    folderName: "-line one\nline two",
    mountName: "-deep/a b\n\t/ü ",
  }),
  wanted.filter((part) => part === "rollback"),
);
