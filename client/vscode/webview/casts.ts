/** The page of cast previews in a web view; what it asks goes to the extension. */
import '../../core/style/page.css';
import '../../core/style/casts.css';

import type { CastEdit, CastSubject } from '@model-loupe/core';
import { CastPage, type CastHost } from '@model-loupe/core/page';

import type { CastQuestion } from '../src/castMessages';
import { Channel } from './channel';
import { openRoot } from './root';

const page = openRoot();
const subject = page.subject as CastSubject;
const channel = new Channel<CastQuestion>();
channel.keep(subject);
const host: CastHost = {
  preview: (params, options) => channel.ask({ kind: 'preview', params }, options),
  edit: subject.place && ((dtype) => channel.ask<CastEdit>({ kind: 'edit', dtype })),
  apply: (edit) => channel.ask({ kind: 'apply', edit }),
  reveal: (tensor) => channel.ask({ kind: 'reveal', tensor }),
};
new CastPage(page.root, host, subject.model);
