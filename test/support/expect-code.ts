import { expect } from "vitest";

import { BtmError, type BtmErrorCode } from "../../src/errors.ts";

/** Waits for a failure with the code, and returns it. */
export async function failureOf(work: Promise<unknown>, code: BtmErrorCode): Promise<BtmError> {
  const outcome = await work.then(
    (value: unknown) => ({ value }),
    (error: unknown) => ({ error }),
  );
  if (!("error" in outcome)) expect.fail(`Expected ${code}, but it succeeded`);
  const { error } = outcome;
  if (!(error instanceof BtmError)) throw error;
  expect(`${error.code}: ${error.message}`).toMatch(new RegExp(`^${code}: `));
  return error;
}
