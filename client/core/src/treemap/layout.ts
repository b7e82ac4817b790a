/** Where each module and tensor of a model lies in a treemap. */
import { hierarchy, treemap, treemapSquarify, type HierarchyRectangularNode } from 'd3-hierarchy';

import type { Area } from '../protocol.js';

/** A rectangle of the drawing, in the drawing's units. */
export interface Box {
  readonly area: Area;
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  /** 1 for what is directly below the module that is shown. */
  readonly depth: number;
  /** Whether there are boxes inside of it. */
  readonly divided: boolean;
}

/** Deeper modules are too small to be told apart; they show when one of those above is looked into. */
const DEPTH = 5;
const TITLE = 18;
/** Smaller than this nothing can be seen. */
const SMALLEST = 1.5;

/** The boxes of what is inside of `shown`, outer before inner ones. */
export function layout(shown: Area, width: number, height: number): Box[] {
  const tree = hierarchy<Area>(shown, (area) => area.children).sum((area) => (area.children.length > 0 ? 0 : area.bytes));
  tree.sort((one, other) => (other.value ?? 0) - (one.value ?? 0));
  const root = treemap<Area>()
    .tile(treemapSquarify)
    .size([width, height])
    .paddingInner(1)
    .paddingTop((node) => (isDivided(node) && node.depth > 0 ? TITLE : 0))(tree);
  return root
    .descendants()
    .filter((node) => node.depth > 0 && node.depth <= DEPTH && isVisible(node))
    .map((node) => ({
      area: node.data,
      x: node.x0,
      y: node.y0,
      width: node.x1 - node.x0,
      height: node.y1 - node.y0,
      depth: node.depth,
      divided: isDivided(node),
    }));
}

function isDivided(node: { readonly depth: number; readonly children?: unknown[] | undefined }): boolean {
  return node.children !== undefined && node.depth < DEPTH;
}

function isVisible({ x0, x1, y0, y1 }: HierarchyRectangularNode<Area>): boolean {
  return x1 - x0 >= SMALLEST && y1 - y0 >= SMALLEST;
}
