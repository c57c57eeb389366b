/**
 * A step that failed: the state was not reached, so the run is void. `saw` is what was found instead; it is recorded as
 * a proof that was not established.
 */
export class NotReached extends Error {
  readonly what: string;
  readonly saw: string;

  constructor(what: string, saw: string) {
    super(`${what}: ${saw}`);
    this.name = 'NotReached';
    this.what = what;
    this.saw = saw;
  }
}
