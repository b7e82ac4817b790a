/** What jupyterlab-lsp shows by itself, so that nothing is shown twice. */
import type { JupyterFrontEnd } from '@jupyterlab/application';
import type { ISettingRegistry } from '@jupyterlab/settingregistry';

const HOVER_PLUGIN = '@jupyter-lsp/jupyterlab-lsp:hover';
const DIAGNOSTICS_PLUGIN = '@jupyter-lsp/jupyterlab-lsp:diagnostics';

/** Whether jupyterlab-lsp draws the diagnostics of the server that JupyterLab chose. */
export function drawsDiagnostics(app: JupyterFrontEnd): boolean {
  return app.hasPlugin(DIAGNOSTICS_PLUGIN);
}

/** Follows when jupyterlab-lsp's own hover is shown: while its key is held, or always if so set. */
export class LspHoverWatch {
  /**
   * @param onKey - called when the key that shows its hover goes down
   */
  constructor(app: JupyterFrontEnd, settings: ISettingRegistry | null, onKey: () => void) {
    if (!settings || !app.hasPlugin(HOVER_PLUGIN)) {
      return;
    }
    const follow = (event: KeyboardEvent | MouseEvent): void => {
      this.held = event.getModifierState(this.key);
    };
    window.addEventListener('keyup', follow, true);
    window.addEventListener('mousemove', follow, { capture: true, passive: true });
    window.addEventListener(
      'keydown',
      (event) => {
        follow(event);
        if (event.key === this.key) {
          onKey();
        }
      },
      true,
    );
    settings
      .load(HOVER_PLUGIN)
      .then((loaded) => {
        const read = (): void => {
          this.automatic = loaded.get('autoActivate').composite === true;
          this.key = (loaded.get('modifierKey').composite as string | undefined) ?? this.key;
        };
        read();
        loaded.changed.connect(read);
      })
      .catch((reason: unknown) => {
        console.warn('Model Loupe: the settings of jupyterlab-lsp’s hover cannot be read.', reason);
      });
  }

  get isShown(): boolean {
    return this.automatic || this.held;
  }

  private automatic = false;
  private held = false;
  private key = 'Control';
}
