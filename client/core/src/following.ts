/** What follows a model: asks the server again when models change, and draws what is new. */
import { messageOf } from './errors.js';

/** Asks for an answer, and shows it or why there is none. */
export interface Follower<Answer> {
  ask(): Promise<Answer>;
  /** Shows an answer in the place of the one before. */
  draw(answer: Answer): void;
  /** Says why there is no answer; an empty text takes that back. */
  say(problem: string): void;
}

/** Draws answers that are not as the one before: part of one that stays the same may be selected, or opened. */
export class Following<Answer> {
  /** The answer that is shown: it stays until there is a newer one. */
  private told: string | undefined;
  private generation = 0;

  constructor(private readonly follower: Follower<Answer>) {}

  get hasAnswer(): boolean {
    return this.told !== undefined;
  }

  /** Ask again; of several answers that are waited for only the newest question's is shown. Never rejects. */
  async refresh(): Promise<void> {
    this.generation += 1;
    const generation = this.generation;
    try {
      const answer = await this.follower.ask();
      if (generation === this.generation) {
        this.tell(answer);
      }
    } catch (reason) {
      if (generation === this.generation) {
        this.told = undefined;
        this.follower.say(messageOf(reason));
      }
    }
  }

  /** Show nothing from now on, whatever is answered. */
  stop(): void {
    this.generation += 1;
  }

  private tell(answer: Answer): void {
    this.follower.say('');
    const text = JSON.stringify(answer);
    if (text !== this.told) {
      this.told = text;
      this.follower.draw(answer);
    }
  }
}
