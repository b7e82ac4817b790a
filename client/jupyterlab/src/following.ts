/** Documents about models that follow them. */
import type { IDisposable } from '@lumino/disposable';
import type { Message } from '@lumino/messaging';
import { messageOf } from '@model-loupe/core';
import { Widget } from '@lumino/widgets';

import { loupeIcon } from './icons';
import { waitingWords } from './notices';
import type { LoupeServer } from './server';

/** What one is about. */
interface Subject<Answer> {
  readonly className: string;
  /** The tab's words until there is an answer. */
  readonly label: string;
  /** What is said until there is an answer. */
  readonly asking: string;
  ask(): Promise<Answer>;
  /** Shows an answer in the place of the one before. */
  draw(answer: Answer, body: HTMLElement): void;
  /** The tab's words for an answer. */
  titleOf(answer: Answer): { label: string; caption: string };
}

/** Asks the server, and again whenever models change; draws answers that are not as the one before. */
export class FollowingWidget<Answer> extends Widget {
  constructor(
    private readonly server: LoupeServer,
    private readonly subject: Subject<Answer>,
  ) {
    super();
    this.addClass('jp-ModelLoupe-document');
    this.addClass(subject.className);
    this.message.setAttribute('role', 'status');
    this.node.append(this.message, this.body);
    this.title.label = subject.label;
    this.title.icon = loupeIcon;
    server.stateChanged.connect(this.refresh, this);
    server.modelsChanged.connect(this.refresh, this);
    this.hold = server.hold();
    this.refresh();
  }

  override dispose(): void {
    this.hold.dispose();
    super.dispose();
  }

  protected override onAfterAttach(message: Message): void {
    super.onAfterAttach(message);
    // It is scrolled with the keyboard; JupyterLab takes it out of the order of Tab.
    this.node.tabIndex = 0;
  }

  private refresh(): void {
    const isReady = this.server.state === 'ready';
    if (this.told === undefined) {
      this.say(isReady ? this.subject.asking : waitingWords(this.server.state));
    }
    if (isReady) {
      void this.load();
    }
  }

  private async load(): Promise<void> {
    this.generation += 1;
    const generation = this.generation;
    const isNewest = (): boolean => generation === this.generation && !this.isDisposed;
    try {
      const answer = await this.subject.ask();
      if (isNewest()) {
        this.tell(answer);
      }
    } catch (reason) {
      if (isNewest()) {
        this.told = undefined;
        this.body.hidden = true;
        this.say(messageOf(reason));
      }
    }
  }

  private tell(answer: Answer): void {
    this.say('');
    this.body.hidden = false;
    // The same answer is left alone: part of it may be selected.
    const text = JSON.stringify(answer);
    if (text !== this.told) {
      this.told = text;
      Object.assign(this.title, this.subject.titleOf(answer));
      this.subject.draw(answer, this.body);
    }
  }

  private say(text: string): void {
    this.message.hidden = text === '';
    this.message.textContent = text;
  }

  /** The answer that is shown: it stays until there is a newer one. */
  private told: string | undefined;
  private generation = 0;
  private readonly hold: IDisposable;
  private readonly message = document.createElement('p');
  private readonly body = document.createElement('div');
}
