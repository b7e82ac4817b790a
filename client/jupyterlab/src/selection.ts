/** Which rows of a tree are selected: one, or several that Ctrl and Shift have added. */

/** What shows whether it is selected. */
interface Selectable {
  setSelected(selected: boolean): void;
}

export class Selection<Item extends Selectable> {
  /** In the order in which they were selected. */
  get items(): readonly Item[] {
    return [...this.selected];
  }

  has(item: Item): boolean {
    return this.selected.has(item);
  }

  /** Selects this one and no other. */
  only(item: Item): void {
    this.anchor = item;
    this.replace([item]);
  }

  /** Adds it, or takes it out. */
  toggle(item: Item): void {
    this.anchor = item;
    this.replace(this.has(item) ? this.items.filter((each) => each !== item) : [...this.items, item]);
  }

  /** Selects what is between the row that was chosen last without Shift and this one, in the order of `rows`. */
  extend(rows: readonly Item[], item: Item): void {
    const from = this.anchor ? rows.indexOf(this.anchor) : -1;
    const to = rows.indexOf(item);
    if (from === -1) {
      this.only(item);
    } else {
      this.replace(rows.slice(Math.min(from, to), Math.max(from, to) + 1));
    }
  }

  clear(): void {
    this.anchor = undefined;
    this.replace([]);
  }

  private replace(items: readonly Item[]): void {
    const before = this.selected;
    this.selected = new Set(items);
    for (const item of before) {
      item.setSelected(this.selected.has(item));
    }
    for (const item of items) {
      item.setSelected(true);
    }
  }

  private selected: ReadonlySet<Item> = new Set();
  private anchor: Item | undefined;
}
