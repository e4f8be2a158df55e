/**
 * btm: a time machine for the disk of a blockchain node.
 *
 * @module
 */
export { Btm } from "./btm.ts";
export type {
  AdoptResult,
  BtmDeps,
  CallOptions,
  CleanOptions,
  CleanResult,
  Failure,
  PlannedOptions,
  RollbackOptions,
  RollbackResult,
  SnapshotOptions,
  SnapshotResult,
} from "./results.ts";
export { type BtmCfg, type BtmOptions, type Mode } from "./cfg.ts";
export type { Blocker, Foreign, Snapshot, StepObserver, UndoPoint } from "./driver/driver.ts";
export type { Mark } from "./driver/mark.ts";
export { BtmError, type BtmErrorCode, type BtmErrorOptions, exitStatusOf, isBtmError } from "./errors.ts";
export { due, type Height, type HeightInput, parseHeight } from "./height.ts";
export {
  type Algo,
  type Candidate,
  decide,
  type Decision,
  type Reason,
  type RetentionOptions,
} from "./retention/retention.ts";
export { fadeBound } from "./retention/fade.ts";
