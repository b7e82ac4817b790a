/** How often a server that ends by itself is started again. */

const MOST = 5;
const WITHIN_MS = 3 * 60_000;

/** Counts a server's ends: it is started again at most 5 times in 3 minutes. */
export class Restarts {
  private ends: number[] = [];

  /** Whether to start again a server that ended at `now`, in milliseconds. */
  another(now: number): boolean {
    this.ends = [...this.ends.filter((end) => now - end < WITHIN_MS), now];
    return this.ends.length <= MOST;
  }
}
