/** The icons: the loupe of the side bar and one for each kind of tree row. */
import { LabIcon } from '@jupyterlab/ui-components';

import loupe from '../style/icons/loupe.svg';

export const loupeIcon = new LabIcon({ name: 'model-loupe:loupe', svgstr: loupe });

export const sortIcon = new LabIcon({
  name: 'model-loupe:sort',
  svgstr:
    '<svg xmlns="http://www.w3.org/2000/svg" width="16" viewBox="0 0 16 16">' +
    '<path class="jp-icon3" fill="#616161" d="M1 2.5h14v2H1zM1 7h9v2H1zM1 11.5h4v2H1z"/></svg>',
});

// By TreeNode.icon. Drawn on a grid of 16; stroked in the theme's icon colour by CSS (jp-ModelLoupe-icon).
const SHAPES: Readonly<Record<string, string>> = {
  model: 'M8 1.5 14 5v6l-6 3.5L2 11V5zM2 5l6 3.5L14 5M8 8.5v6',
  architecture: 'M6 1.5h4v3H6zM1.5 11.5h4v3h-4zM10.5 11.5h4v3h-4zM8 4.5v3.5M3.5 11.5V8h9v3.5',
  modules: 'M2 5.5 8 2.5l6 3-6 3zM2 8.5l6 3 6-3M2 11.5l6 3 6-3',
  module: 'M2.5 2.5h11v11h-11zM2.5 6h11',
  parameter: 'M2.5 2.5h11v11h-11zM2.5 6.2h11M2.5 9.8h11M6.2 2.5v11M9.8 2.5v11',
  buffer: 'M4.5 2.5h-2v11h2M11.5 2.5h2v11h-2M5.5 6.2h5M5.5 9.8h5',
  dtypes: 'M4 3v10M2.5 4 4 3M9.5 3.5h3v9h-3zM6 13h-4',
  dtype: 'M4 3v10M2.5 4 4 3M9.5 3.5h3v9h-3zM6 13h-4',
  memory: 'M4 4h8v8H4zM6 4V1.5M10 4V1.5M6 14.5V12M10 14.5V12M4 6H1.5M4 10H1.5M14.5 6H12M14.5 10H12',
  'memory-item': 'M2 8h12M2 5v6M14 5v6',
  config: 'M2 4h7M12 4h2M2 12h2M7 12h7M10.5 2.5v3M5.5 10.5v3M2 8h4M9 8h5M7.5 6.5v3',
  'config-field': 'M2.5 8h4M9.5 8h4M8 6.5v3',
  tokenizer: 'M1.5 5h4v6h-4zM7 5h3v6H7zM11.5 5h3v6h-3z',
  files: 'M2 3.5h4l1.5 2H14v8H2z',
  file: 'M4 1.5h5l3.5 3.5v9.5H4zM9 1.5V5h3.5',
  'file-missing': 'M4 1.5h5l3.5 3.5v9.5H4zM9 1.5V5h3.5M6.5 8l3.5 4M10 8l-3.5 4',
  warning: 'M8 2 14.5 13.5h-13zM8 6.5v3.5M8 11.5v.5',
  error: 'M8 1.5a6.5 6.5 0 1 1 0 13 6.5 6.5 0 0 1 0-13zM5.5 5.5l5 5M10.5 5.5l-5 5',
  nothing: 'M8 1.5a6.5 6.5 0 1 1 0 13 6.5 6.5 0 0 1 0-13zM8 7.5v4M8 4.5v.5',
  more: 'M3.5 8h.01M8 8h.01M12.5 8h.01',
};
const FALLBACK = 'M8 7a1 1 0 1 1 0 2 1 1 0 0 1 0-2z';

const icons = new Map<string, LabIcon>();

/** The icon of a tree row; a dot for a kind that a newer server may know. */
export function nodeIcon(kind: string): LabIcon {
  let icon = icons.get(kind);
  if (!icon) {
    icon = new LabIcon({
      name: `model-loupe:node-${kind}`,
      svgstr: `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><path d="${SHAPES[kind] ?? FALLBACK}"/></svg>`,
    });
    icons.set(kind, icon);
  }
  return icon;
}
