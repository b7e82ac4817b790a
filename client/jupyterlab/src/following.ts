/** Documents about models that follow them. */
import type { IDisposable } from '@lumino/disposable';
import type { Message } from '@lumino/messaging';
import { Following } from '@model-loupe/core';
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

/** Shows what the server answers, and asks again whenever models or the connection change. */
export class FollowingWidget<Answer> extends Widget {
  private readonly following: Following<Answer>;
  private readonly hold: IDisposable;
  private readonly message = document.createElement('p');
  private readonly body = document.createElement('div');

  constructor(
    private readonly server: LoupeServer,
    private readonly subject: Subject<Answer>,
  ) {
    super();
    this.following = new Following<Answer>({
      ask: () => subject.ask(),
      draw: (answer) => {
        Object.assign(this.title, subject.titleOf(answer));
        subject.draw(answer, this.body);
      },
      say: (problem) => {
        this.body.hidden = problem !== '';
        this.say(problem);
      },
    });
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
    this.following.stop();
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
    if (!this.following.hasAnswer) {
      this.say(isReady ? this.subject.asking : waitingWords(this.server.state));
    }
    if (isReady) {
      void this.following.refresh();
    }
  }

  private say(text: string): void {
    this.message.hidden = text === '';
    this.message.textContent = text;
  }
}
