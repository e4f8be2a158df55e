/**
 * btm: a time machine for the disk of a blockchain node.
 *
 * @module
 */
export {
  Btm,
  type AdoptResult,
  type BtmDeps,
  type CallOptions,
  type CleanOptions,
  type CleanResult,
  type Failure,
  type PlannedOptions,
  type RollbackOptions,
  type RollbackResult,
  type SnapshotOptions,
  type SnapshotResult,
} from "./btm.ts";
export { type BtmCfg, type BtmOptions, type Mode } from "./cfg.ts";
export type { Blocker, Snapshot, StepObserver, UndoPoint } from "./driver/driver.ts";
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
