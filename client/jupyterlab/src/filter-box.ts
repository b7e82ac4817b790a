/** The field above the tree that filters it. */
import { t } from '@model-loupe/core';
import type { Message } from '@lumino/messaging';
import { Widget } from '@lumino/widgets';

/** Keys typed within this time are one question to the server. */
const TYPING_MS = 200;

export class FilterBox extends Widget {
  /**
   * @param filter - called with what is looked for; '' for all
   * @param leave - brings the keyboard to the tree
   */
  constructor(
    private readonly filter: (text: string) => void,
    private readonly leave: () => void,
  ) {
    super();
    this.addClass('jp-ModelLoupe-filter');
    this.node.setAttribute('role', 'search');
    this.input.type = 'search';
    this.input.className = 'jp-mod-styled';
    this.input.placeholder = t('Filter by a part of a name');
    this.input.setAttribute('aria-label', t('Filter tensors and config fields by a part of their names'));
    this.node.append(this.input);
  }

  set text(text: string) {
    this.input.value = text;
  }

  handleEvent(event: Event): void {
    if (event.type === 'input') {
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.tell(), TYPING_MS);
    } else {
      this.onKey(event as KeyboardEvent);
    }
  }

  override dispose(): void {
    clearTimeout(this.timer);
    super.dispose();
  }

  protected override onAfterAttach(message: Message): void {
    super.onAfterAttach(message);
    this.input.addEventListener('input', this);
    this.input.addEventListener('keydown', this);
  }

  protected override onBeforeDetach(message: Message): void {
    this.input.removeEventListener('input', this);
    this.input.removeEventListener('keydown', this);
    super.onBeforeDetach(message);
  }

  protected override onActivateRequest(message: Message): void {
    super.onActivateRequest(message);
    this.input.focus();
    this.input.select();
  }

  private onKey(event: KeyboardEvent): void {
    switch (event.key) {
      case 'Escape':
        this.input.value = '';
        break;
      case 'Enter':
        break;
      case 'ArrowDown':
        this.leave();
        break;
      default:
        return;
    }
    event.preventDefault();
    this.tell();
  }

  private tell(): void {
    clearTimeout(this.timer);
    this.filter(this.input.value.trim());
  }

  private timer: ReturnType<typeof setTimeout> | undefined;
  private readonly input = document.createElement('input');
}
