/** Documents of ours in the main area. */
import type { ILayoutRestorer, JupyterFrontEnd } from '@jupyterlab/application';
import { MainAreaWidget, WidgetTracker } from '@jupyterlab/apputils';
import type { DockLayout, Widget } from '@lumino/widgets';

/** What documents of one kind have in common. */
interface Kind<Subject extends object> {
  readonly namespace: string;
  /** The command that shows one, with its subject as the arguments. */
  readonly command: string;
  readonly mode: DockLayout.InsertMode;
  /** Makes one. */
  open(subject: Subject): Widget;
}

/** Shows documents, one a subject, and brings them back when the page is loaded again. */
export class Documents<Subject extends object> {
  constructor(
    private readonly app: JupyterFrontEnd,
    restorer: ILayoutRestorer | null,
    private readonly kind: Kind<Subject>,
  ) {
    this.tracker = new WidgetTracker({ namespace: kind.namespace });
    void restorer?.restore(this.tracker, {
      command: kind.command,
      args: (widget) => this.subjects.get(widget) ?? {},
      name: (widget) => this.keyOf(widget),
    });
  }

  async show(subject: Subject): Promise<void> {
    const key = JSON.stringify(subject);
    let widget = this.tracker.find((each) => this.keyOf(each) === key);
    if (!widget) {
      widget = new MainAreaWidget({ content: this.kind.open(subject) });
      widget.toolbar.hide();
      this.subjects.set(widget, subject);
      this.app.shell.add(widget, 'main', { mode: this.kind.mode, type: 'Model Loupe' });
      await this.tracker.add(widget);
    }
    this.app.shell.activateById(widget.id);
  }

  private keyOf(widget: MainAreaWidget): string {
    return JSON.stringify(this.subjects.get(widget));
  }

  private readonly tracker: WidgetTracker<MainAreaWidget>;
  private readonly subjects = new WeakMap<MainAreaWidget, Subject>();
}
