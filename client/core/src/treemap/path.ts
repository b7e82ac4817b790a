/** The way into a model's areas. */
import type { Area } from '../protocol.js';

/** The areas of `whole` by the paths of an older way in, from the whole on; as far as they are there. */
export function follow(whole: Area, older: readonly Area[]): Area[] {
  const found = [whole];
  let area: Area | undefined = whole;
  for (const { path } of older.slice(1)) {
    area = area.children.find((child) => child.path === path);
    if (!area) {
      break;
    }
    found.push(area);
  }
  return found;
}
