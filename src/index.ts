/**
 * btm: a time machine for the disk of a blockchain node.
 *
 * @module
 */
export { Btm } from "./btm.ts";
export type {
  AdoptResult,
  BisectOptions,
  BisectResult,
  BisectStep,
  BtmDeps,
  CallOptions,
  CleanOptions,
  CleanResult,
  CloseResult,
  DropResult,
  Failure,
  GroupHeight,
  GroupListing,
  GroupOptions,
  GroupSnapshotOptions,
  GroupSnapshotResult,
  OpenOptions,
  OpenResult,
  Overview,
  PinOptions,
  PinResult,
  PlannedOptions,
  RecoverOptions,
  RecoverResult,
  RollbackOptions,
  RollbackResult,
  SnapshotOptions,
  SnapshotResult,
  SwitchOptions,
  ThinOptions,
  ThinResult,
  UndoPointsOptions,
  VerifyOptions,
  VerifyResult,
} from "./results.ts";
export { type BtmCfg, type BtmOptions, type Mode } from "./cfg.ts";
export type {
  Blocker,
  Foreign,
  OpenClone,
  PlannedUndoPoint,
  Snapshot,
  StepObserver,
  UndoPoint,
} from "./driver/driver.ts";
export type { CommandOptions, FollowOptions } from "./check/wishes.ts";
export type { Finding } from "./check/search.ts";
export type { Mark } from "./driver/mark.ts";
export type { NodeFacts, Quiesce } from "./node-facts.ts";
export type { SnapshotRecord, Verified } from "./record.ts";
export type { Service } from "./rollback/services.ts";
export type { SignerFile } from "./rollback/signer.ts";
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
