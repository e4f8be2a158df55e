/**
 * How often systemd wants to hear of us, sd_watchdog_enabled(3): twice in the time it waits. Undefined when it does not, or
 * means another process that has left its environment to us.
 */
export function watchdogPeriodMs(env: Readonly<Record<string, string | undefined>>, pid: number): number | undefined {
  const { WATCHDOG_USEC: microseconds = "", WATCHDOG_PID: meant } = env;
  if (!/^[1-9]\d{0,15}$/.test(microseconds)) return undefined;
  if (meant !== undefined && meant !== String(pid)) return undefined;
  // The longest that setInterval can.
  return Math.min(Math.max(Number(microseconds) / 2000, 100), 2 ** 31 - 1);
}
