/**
 * Opens the files of the user's libraries, read-only.
 *
 * Go to definition leads to the class in the installed transformers, which is hardly ever in the folder that
 * Jupyter serves, and so cannot be opened. This is a drive of JupyterLab's of which the language server tells the
 * texts; the server names such files by the drive (`CAPABILITIES`).
 */
import type { ILabShell, IRouter } from '@jupyterlab/application';
import { PageConfig, URLExt } from '@jupyterlab/coreutils';
import { Drive, type Contents } from '@jupyterlab/services';
import { SOURCE, type Source } from '@model-loupe/core';

import { SOURCE_SCHEME as SCHEME } from './capabilities';
import type { LoupeServer } from './server';

/** Python files of the libraries by their path on the server's machine. */
export class SourcesDrive extends Drive {
  constructor(private readonly server: LoupeServer) {
    super({ name: SCHEME });
  }

  override async get(localPath: string, options?: Contents.IFetchOptions): Promise<Contents.IModel> {
    const path = localPath.replace(/^\/*/, '/');
    const text = await this.read(`${SCHEME}:${encodeURI(path)}`);
    const content = options?.content === false ? null : text;
    return {
      name: path.slice(path.lastIndexOf('/') + 1),
      path: localPath,
      type: 'file',
      format: content === null ? null : 'text',
      mimetype: 'text/x-python',
      content,
      writable: false,
      created: this.since,
      last_modified: this.since,
      size: text.length,
    };
  }

  override listCheckpoints(): Promise<Contents.ICheckpointModel[]> {
    return Promise.resolve([]);
  }

  private async read(uri: string): Promise<string> {
    const hold = this.server.hold();
    try {
      await this.server.untilReady();
      return (await this.server.request<Source>(SOURCE, { uri })).text;
    } finally {
      hold.dispose();
    }
  }

  // JupyterLab wants a time to show, and compares it before it saves, which it never does here.
  private readonly since = new Date().toISOString();
}

/**
 * Keeps such files out of the page's address: when the page is loaded again, JupyterLab looks for the file browser of
 * the drive that the address names, and this drive has none.
 */
export function keepOutOfAddress(shell: ILabShell, router: IRouter): void {
  shell.currentPathChanged.connect((_, { newValue }) => {
    if (newValue.startsWith(`${SCHEME}:`)) {
      // After JupyterLab, which hears of it at the same moment.
      setTimeout(() => {
        const { pathname } = URLExt.parse(PageConfig.getUrl({ treePath: '' }));
        router.navigate(pathname, { skipRouting: true });
        PageConfig.setOption('treePath', '');
      }, 0);
    }
  });
}
