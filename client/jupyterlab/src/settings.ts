/** The user's settings: those of Model Loupe, with those that JupyterLab keeps for all language servers. */
import { expandDottedPaths } from '@jupyterlab/lsp';
import type { ISettingRegistry } from '@jupyterlab/settingregistry';
import type { ReadonlyJSONObject } from '@lumino/coreutils';
import { Signal } from '@lumino/signaling';

/** The settings of this plugin: schema/server.json. */
const PLUGIN = '@model-loupe/jupyterlab:server';
/** The settings of all language servers: JupyterLab's, and jupyterlab-lsp's, which go over them. */
const LSP_PLUGINS: readonly string[] = ['@jupyterlab/lsp-extension:plugin', '@jupyter-lsp/jupyterlab-lsp:plugin'];

export class LoupeSettings {
  /** @param registry - null where JupyterLab runs without settings: the server's defaults then count */
  constructor(registry: ISettingRegistry | null) {
    if (!registry) {
      this.loaded = true;
      return;
    }
    registry.pluginChanged.connect((_, id) => {
      if (LSP_PLUGINS.includes(id)) {
        // After those who keep them, who hear of it at the same moment, have read them.
        setTimeout(() => this.changed.emit(), 0);
      }
    });
    registry.load(PLUGIN).then(
      (loaded) => {
        this.own = loaded;
        loaded.changed.connect(() => this.changed.emit());
        this.setLoaded();
      },
      (reason: unknown) => {
        console.warn('Model Loupe: its settings cannot be read.', reason);
        this.setLoaded();
      },
    );
  }

  /** Whether they are known, or known not to be readable: the server is asked nothing before it has them. */
  get isLoaded(): boolean {
    return this.loaded;
  }

  readonly changed = new Signal<this, void>(this);

  /** As the server takes them: what is set here goes before what is set under Language Servers, and that before defaults. */
  over(languageServers: ReadonlyJSONObject): ReadonlyJSONObject {
    const { composite = {}, user = {} } = this.own ?? {};
    return expandDottedPaths({ ...composite, ...languageServers, ...user } as ReadonlyJSONObject);
  }

  private setLoaded(): void {
    this.loaded = true;
    this.changed.emit();
  }

  private loaded = false;
  private own: ISettingRegistry.ISettings | undefined;
}
