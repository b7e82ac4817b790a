/** Where the bytes of a model are: treemaps as documents in the main area that follow the model. */
import type { ILayoutRestorer, JupyterFrontEnd } from '@jupyterlab/application';
import { modelSizes, t, type Area } from '@model-loupe/core';
import { Treemap } from '@model-loupe/core/treemap';

import { Documents } from './documents';
import { FollowingWidget } from './following';
import { ModelCommandIDs } from './model-commands';
import type { LoupeServer } from './server';

/** A row of the model. */
interface SizesSubject {
  readonly node: string;
}

export type SizesPages = Documents<SizesSubject>;

export function sizesPages(app: JupyterFrontEnd, server: LoupeServer, restorer: ILayoutRestorer | null): SizesPages {
  return new Documents(app, restorer, {
    namespace: 'model-loupe-sizes',
    command: ModelCommandIDs.showSizes,
    mode: 'tab-after',
    open: ({ node }) => sizesPage(server, node),
  });
}

function sizesPage(server: LoupeServer, node: string): FollowingWidget<Area> {
  const heading = document.createElement('h1');
  const place = document.createElement('section');
  place.setAttribute('aria-label', t('Sizes'));
  let treemap: Treemap | undefined;
  const widget = new FollowingWidget<Area>(server, {
    className: 'jp-ModelLoupe-sizes',
    label: t('Sizes'),
    asking: t('Reading the sizes…'),
    ask: () => modelSizes(server, node),
    draw: (area, body) => {
      heading.textContent = area.name;
      body.replaceChildren(heading, place);
      if (treemap) {
        treemap.update(area);
      } else {
        treemap = new Treemap(place, area);
      }
    },
    titleOf: ({ name }) => ({ label: t('Sizes · {0}', name), caption: t('Sizes of {0}', name) }),
  });
  widget.addClass('loupe-page');
  return widget;
}
