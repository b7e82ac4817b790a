/** The plugins of the JupyterLab extension. */
import {
  ILabShell,
  ILayoutRestorer,
  IRouter,
  type JupyterFrontEnd,
  type JupyterFrontEndPlugin,
} from '@jupyterlab/application';
import { ICommandPalette } from '@jupyterlab/apputils';
import { EditorExtensionRegistry } from '@jupyterlab/codemirror';
import {
  ILSPDocumentConnectionManager,
  ILSPFeatureManager,
  type Document,
  type WidgetLSPAdapter,
} from '@jupyterlab/lsp';
import { IRenderMimeRegistry } from '@jupyterlab/rendermime';
import { ISettingRegistry } from '@jupyterlab/settingregistry';
import { IStatusBar } from '@jupyterlab/statusbar';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import { Token } from '@lumino/coreutils';
import { translateBy, type LookUp } from '@model-loupe/core';

import { CodeActions } from './actions';
import { CAPABILITIES } from './capabilities';
import { castPreviews } from './casts';
import { runCommand } from './client-commands';
import { addCommands, addFixCommand, addLensCommand, addToPalette } from './commands';
import { comparisons } from './comparisons';
import { Diagnostics } from './diagnostics';
import { EditorViews } from './editors';
import { Edits } from './edits';
import { InlayHints } from './hints';
import { tellFailure } from './failures';
import { closeCard, hover } from './hover';
import { drawsDiagnostics, LspHoverWatch } from './jupyterlab-lsp';
import { CodeLenses } from './lenses';
import { addModelCommands } from './model-commands';
import { ModelsPanel, PANEL_ID } from './panel';
import { printedModels } from './printed';
import { showWork } from './progress';
import { LoupeServer } from './server';
import { LoupeSettings } from './settings';
import { sizesPages } from './sizes';
import { keepOutOfAddress, SourcesDrive } from './sources';
import { StatusItem } from './status';
import { addWriteCast } from './write-cast';

export const ILoupeServer = new Token<LoupeServer>(
  '@model-loupe/jupyterlab:ILoupeServer',
  'The connection to Model Loupe’s language server.',
);

const serverPlugin: JupyterFrontEndPlugin<LoupeServer> = {
  id: '@model-loupe/jupyterlab:server',
  description: 'Connects to Model Loupe’s language server.',
  requires: [ILSPDocumentConnectionManager],
  optional: [ISettingRegistry, ILabShell, IRouter],
  provides: ILoupeServer,
  activate: (
    app: JupyterFrontEnd,
    manager: ILSPDocumentConnectionManager,
    settings: ISettingRegistry | null,
    shell: ILabShell | null,
    router: IRouter | null,
  ) => {
    const server = new LoupeServer(manager, new LoupeSettings(settings));
    server.workBegun.connect((_, work) => showWork(work));
    server.messageShown.connect((_, message) => tellFailure(message));
    app.serviceManager.contents.addDrive(new SourcesDrive(server));
    if (shell && router) {
      keepOutOfAddress(shell, router);
    }
    return server;
  },
};

/** Whoever requires it labels things in JupyterLab's language: labels are read once. */
const ILoupeTranslation = new Token<LookUp>(
  '@model-loupe/jupyterlab:ILoupeTranslation',
  'What Model Loupe says, in JupyterLab’s language.',
);

const translationPlugin: JupyterFrontEndPlugin<LookUp> = {
  id: '@model-loupe/jupyterlab:translation',
  description: 'Has Model Loupe speak JupyterLab’s language.',
  optional: [ITranslator],
  provides: ILoupeTranslation,
  activate: (_: JupyterFrontEnd, translator: ITranslator | null) => {
    const words = (translator ?? nullTranslator).load('model_loupe');
    const lookUp: LookUp = (message) => words.__(message);
    translateBy(lookUp);
    return lookUp;
  },
};

const panelPlugin: JupyterFrontEndPlugin<void> = {
  id: '@model-loupe/jupyterlab:panel',
  description: 'Shows the models that the open documents name, in the left side bar.',
  autoStart: true,
  requires: [ILoupeTranslation, IRenderMimeRegistry],
  // Without JupyterLab's language server support there is none: the panel then says so.
  optional: [ILoupeServer, ILSPDocumentConnectionManager, ICommandPalette, ILayoutRestorer, IStatusBar],
  activate: (
    app: JupyterFrontEnd,
    _: LookUp,
    rendermime: IRenderMimeRegistry,
    server: LoupeServer | null,
    manager: ILSPDocumentConnectionManager | null,
    palette: ICommandPalette | null,
    restorer: ILayoutRestorer | null,
    statusBar: IStatusBar | null,
  ) => {
    addCommands(
      app,
      server,
      () => panel,
      () => printed,
      () => casts,
    );
    const panel = new ModelsPanel(server, app.commands);
    const printed = server && printedModels(app, server, restorer);
    const casts = server && manager && castPreviews(app, server, new Edits(server), restorer);
    addWriteCast(app, palette, server, () => panel.printable);
    app.shell.add(panel, 'left', { rank: 700, type: 'Model Loupe' });
    restorer?.add(panel, PANEL_ID);
    if (server) {
      addModelCommands(app, palette, {
        server,
        panel,
        comparisons: comparisons(app, server, rendermime, restorer),
        sizes: sizesPages(app, server, restorer),
      });
      statusBar?.registerStatusItem('model-loupe', { item: new StatusItem(server, app.commands), align: 'right' });
    }
    if (palette) {
      addToPalette(palette);
    }
  },
};

const editorPlugin: JupyterFrontEndPlugin<void> = {
  id: '@model-loupe/jupyterlab:editor',
  description: 'Shows what a model is where its name is typed, and what is wrong with it.',
  autoStart: true,
  requires: [ILoupeTranslation, ILoupeServer, ILSPDocumentConnectionManager, ILSPFeatureManager, IRenderMimeRegistry],
  optional: [ISettingRegistry, ICommandPalette],
  activate: (
    app: JupyterFrontEnd,
    _: LookUp,
    server: LoupeServer,
    manager: ILSPDocumentConnectionManager,
    features: ILSPFeatureManager,
    rendermime: IRenderMimeRegistry,
    settings: ISettingRegistry | null,
    palette: ICommandPalette | null,
  ) => {
    const views = new EditorViews();
    const diagnostics = new Diagnostics(server, manager, drawsDiagnostics(app), views);
    const lenses = new CodeLenses(server, manager, views, (command, words) => {
      void runCommand(app.commands, server, command, words);
    });
    addLensCommand(app, palette, lenses);
    const hints = new InlayHints(server, manager, views);
    const edits = new Edits(server);
    addFixCommand(app, palette, new CodeActions(server, views, diagnostics, edits, app.commands));
    const lspHover = new LspHoverWatch(app, settings, () => {
      if (server.isChosen) {
        closeCard();
      }
    });
    const shared = { rendermime, diagnostics, isShownElsewhere: () => lspHover.isShown };
    features.register({
      id: '@model-loupe/jupyterlab:editor',
      capabilities: {
        ...CAPABILITIES,
        textDocument: { hover: { dynamicRegistration: false, contentFormat: ['markdown', 'plaintext'] } },
      },
      extensionFactory: {
        name: 'model-loupe',
        factory: (options) => {
          // Typed with `any` by JupyterLab.
          const { editor, widgetAdapter: adapter } = options as {
            editor: Document.IEditor;
            widgetAdapter: WidgetLSPAdapter;
          };
          return EditorExtensionRegistry.createImmutableExtension([
            views.extension(adapter, editor),
            diagnostics.extension(editor),
            lenses.extension(),
            hints.extension(),
            hover(server, adapter, editor, shared),
          ]);
        },
      },
    });
  },
};

const plugins: JupyterFrontEndPlugin<unknown>[] = [serverPlugin, translationPlugin, panelPlugin, editorPlugin];
export default plugins;
