import { Fixture } from "./fixture.ts";
import type { Answer, CallerArgument, Told } from "./fixtures/caller.ts";

/** A process of its own that calls btm as it is told. */
export class Caller {
  readonly #fixture: Fixture;

  constructor(argument: CallerArgument = {}, through: readonly string[] = []) {
    this.#fixture = new Fixture("caller", argument, { through });
  }

  async tell(told: Told): Promise<Answer> {
    this.#fixture.send(told);
    return (await this.#fixture.next()) as Answer;
  }

  stop(): Promise<void> {
    return this.#fixture.stop();
  }
}

/** What starts a process in a mount namespace of its own: what it mounts is seen by nobody else. */
export const ownMounts: readonly string[] = ["unshare", "--mount", "--propagation", "private", "--"];
