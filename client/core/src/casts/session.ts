/** What the preview page knows and does, without its elements. */
import { messageOf } from '../errors.js';
import type { Progress, StreamOptions } from '../protocol.js';
import { t } from '../translation.js';
import type { CastEdit, CastPreview, CastPreviewParams, CastTarget } from './protocol.js';
import { sorted, type ColumnKey, type Sorting } from './table.js';

/** What the editor does for the page. Failures are one line for a person. */
export interface CastHost {
  preview(params: CastPreviewParams, options: StreamOptions<CastPreview>): Promise<CastPreview>;
  /** The edit of the call that makes the cast; undefined where the page is about no call. */
  readonly edit: ((dtype: string) => Promise<CastEdit>) | undefined;
  apply(edit: CastEdit): Promise<void>;
  /** Show a tensor in the tree of models. */
  reveal(tensor: string): Promise<void>;
}

/** An edit that the user looks at before it is made. */
export interface ProposedEdit {
  readonly dtype: string;
  readonly edit: CastEdit;
}

export interface CastState {
  /** What is known by now; null before the first answer. */
  readonly preview: CastPreview | null;
  /** What is being measured. */
  readonly running: 'sample' | 'exact' | null;
  readonly progress: Progress | null;
  /** Only tensors under this module; the whole model where null. */
  readonly scope: string | null;
  readonly selected: string | null;
  readonly sorting: Sorting | null;
  readonly proposed: ProposedEdit | null;
  /** What went wrong last, in one line. */
  readonly error: string | null;
  /** What was done last, in one line. */
  readonly done: string | null;
}

const START: CastState = {
  preview: null,
  running: null,
  progress: null,
  scope: null,
  selected: null,
  sorting: null,
  proposed: null,
  error: null,
  done: null,
};

/** Columns of which the largest figures are looked for. */
const DESCENDING_FIRST: readonly ColumnKey[] = ['snr', 'fits'];

/** One page's casts of one model: asks, keeps what comes, and tells when there is something to draw. */
export class CastSession {
  private current = START;
  private asking: AbortController | null = null;

  /**
   * @param model - the id of a tree row, or a model's name as code has it
   * @param onChange - called after each change of `state`
   */
  constructor(
    private readonly host: CastHost,
    private readonly model: string,
    private readonly onChange: () => void,
  ) {}

  get state(): CastState {
    return this.current;
  }

  /** The targets in the order in which they are shown. */
  get targets(): readonly CastTarget[] {
    return sorted(this.current.preview?.targets ?? [], this.current.sorting);
  }

  get selected(): CastTarget | undefined {
    const targets = this.current.preview?.targets ?? [];
    return targets.find(({ dtype }) => dtype === this.current.selected) ?? targets[0];
  }

  /** Whether the editor can make this cast in the code. */
  canApply(target: CastTarget): boolean {
    return this.host.edit !== undefined && target.apply === true;
  }

  /** The plan and a sample's figures. */
  sample(): Promise<void> {
    return this.ask('sample', {});
  }

  /** As `sample`, and the Hub may be asked for the bytes that it takes. */
  sampleFromHub(): Promise<void> {
    return this.ask('sample', { spend: true });
  }

  /** The figures of every value. */
  measure(): Promise<void> {
    return this.ask('exact', { exact: true });
  }

  /** Only tensors under a module, or all of them. */
  narrow(scope: string | null): Promise<void> {
    this.change({ scope });
    return this.sample();
  }

  cancel(): void {
    if (this.asking) {
      this.stop();
      const done = this.current.preview ? t('Cancelled. What was measured by then is shown.') : t('Cancelled.');
      this.change({ running: null, progress: null, done });
    }
  }

  /** Nobody looks any more. */
  dispose(): void {
    this.stop();
  }

  select(dtype: string): void {
    this.change({ selected: dtype });
  }

  /** Sort by a column; by the same one again turns the order round. */
  sortBy(column: ColumnKey): void {
    const { sorting } = this.current;
    const descending = sorting?.column === column ? !sorting.descending : DESCENDING_FIRST.includes(column);
    this.change({ sorting: { column, descending } });
  }

  /** Ask for the edit that makes a cast, to show it before it is made. */
  async propose(dtype: string): Promise<void> {
    this.change({ selected: dtype, proposed: null, error: null, done: null });
    await this.attempt(async () => {
      const edit = await this.host.edit?.(dtype);
      this.change({ proposed: edit ? { dtype, edit } : null });
    });
  }

  dismiss(): void {
    this.change({ proposed: null });
  }

  async apply(): Promise<void> {
    const { proposed } = this.current;
    if (proposed) {
      this.change({ proposed: null });
      await this.attempt(async () => {
        await this.host.apply(proposed.edit);
        const { preview } = this.current;
        this.change({
          preview: preview && { ...preview, current: proposed.dtype },
          done: t('Done in the code: {0}. Undo takes it back.', proposed.edit.title),
        });
      });
    }
  }

  async reveal(tensor: string): Promise<void> {
    await this.attempt(() => this.host.reveal(tensor));
  }

  private async ask(running: 'sample' | 'exact', wish: Partial<CastPreviewParams>): Promise<void> {
    this.stop();
    const asking = new AbortController();
    this.asking = asking;
    const { scope } = this.current;
    this.change({ running, progress: null, error: null, done: null });
    // A late word of an earlier question is none to show.
    const ifCurrent = (changes: Partial<CastState>): void => {
      if (this.asking === asking) {
        this.change(changes);
      }
    };
    try {
      const params = { model: this.model, ...(scope === null ? {} : { scope }), ...wish };
      const preview = await this.host.preview(params, {
        signal: asking.signal,
        onPartial: (part) => ifCurrent({ preview: part }),
        onProgress: (progress) => ifCurrent({ progress }),
      });
      ifCurrent({ preview, running: null, progress: null });
    } catch (reason) {
      ifCurrent({ error: messageOf(reason), running: null, progress: null });
    }
    if (this.asking === asking) {
      this.asking = null;
    }
  }

  private stop(): void {
    this.asking?.abort();
    this.asking = null;
  }

  private async attempt(action: () => Promise<void>): Promise<void> {
    try {
      await action();
    } catch (reason) {
      this.change({ error: messageOf(reason) });
    }
  }

  private change(changes: Partial<CastState>): void {
    this.current = { ...this.current, ...changes };
    this.onChange();
  }
}
