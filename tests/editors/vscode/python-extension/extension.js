// Selects the first interpreter of LOUPE_TEST_PYTHONS, and the next one whenever the user is asked to select.
const vscode = require('vscode');

exports.activate = (context) => {
  const pythons = process.env.LOUPE_TEST_PYTHONS.split(':');
  const change = new vscode.EventEmitter();
  const selected = () => ({ id: pythons[0], path: pythons[0] });
  context.subscriptions.push(
    vscode.commands.registerCommand('python.setInterpreter', () => {
      pythons.push(pythons.shift());
      change.fire({ ...selected(), resource: undefined });
    })
  );
  return {
    ready: Promise.resolve(),
    environments: {
      getActiveEnvironmentPath: selected,
      resolveEnvironment: async ({ path }) => ({ executable: { uri: vscode.Uri.file(path) } }),
      onDidChangeActiveEnvironmentPath: change.event,
    },
  };
};
