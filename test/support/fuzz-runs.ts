/** How many cases a fuzz tries: few by default, a million in `make test-long`. */
export function fuzzRuns(usual: number): number {
  return process.env["BTM_TEST_LONG"] === undefined ? usual : 1_000_000;
}
