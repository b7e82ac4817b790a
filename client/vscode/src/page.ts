/** A page of ours in a web view. */
import { randomBytes } from 'node:crypto';

import * as vscode from 'vscode';

/** Shows the page `name` of the folder `extension`, about `subject`. */
export function fillPanel(panel: vscode.WebviewPanel, extension: vscode.Uri, name: string, subject: unknown): void {
  const dist = vscode.Uri.joinPath(extension, 'dist');
  const media = vscode.Uri.joinPath(extension, 'client/vscode/media');
  const icon = (theme: string): vscode.Uri => vscode.Uri.joinPath(media, `loupe-${theme}.svg`);
  panel.iconPath = { light: icon('light'), dark: icon('dark') };
  panel.webview.options = { enableScripts: true, localResourceRoots: [dist] };
  panel.webview.html = pageHtml(panel.webview, dist, name, subject);
}

/** Runs `name`.js in the style of `name`.css; the script finds `subject`, and its words in another language, in `#page`. */
function pageHtml(webview: vscode.Webview, dist: vscode.Uri, name: string, subject: unknown): string {
  const words = vscode.l10n.bundle;
  const nonce = randomBytes(16).toString('base64');
  const address = (file: string): string => webview.asWebviewUri(vscode.Uri.joinPath(dist, file)).toString();
  const policy = `default-src 'none'; style-src ${webview.cspSource}; script-src 'nonce-${nonce}'`;
  return `<!DOCTYPE html>
<html lang="${words ? vscode.env.language : 'en'}">
  <head>
    <meta charset="utf-8">
    <meta http-equiv="Content-Security-Policy" content="${policy}">
    <link rel="stylesheet" href="${address(`${name}.css`)}">
    <title>Model Loupe</title>
  </head>
  <body class="loupe-web-view">
    <main
      id="page"
      data-subject="${escapeAttribute(JSON.stringify(subject))}"
      data-words="${escapeAttribute(JSON.stringify(words ?? {}))}"
    ></main>
    <script nonce="${nonce}" src="${address(`${name}.js`)}"></script>
  </body>
</html>`;
}

function escapeAttribute(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('"', '&quot;').replaceAll('<', '&lt;');
}
