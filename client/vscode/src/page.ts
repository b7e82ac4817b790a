/** The HTML around a script of ours in a web view. */
import { randomBytes } from 'node:crypto';

import * as vscode from 'vscode';

/** A page that runs `name`.js of the folder `dist` in the style of `name`.css; the script finds `subject` in `#page`. */
export function pageHtml(webview: vscode.Webview, dist: vscode.Uri, name: string, subject: unknown): string {
  const nonce = randomBytes(16).toString('base64');
  const address = (file: string): string => webview.asWebviewUri(vscode.Uri.joinPath(dist, file)).toString();
  const policy = `default-src 'none'; style-src ${webview.cspSource}; script-src 'nonce-${nonce}'`;
  return `<!DOCTYPE html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta http-equiv="Content-Security-Policy" content="${policy}">
    <link rel="stylesheet" href="${address(`${name}.css`)}">
    <title>Model Loupe</title>
  </head>
  <body class="loupe-web-view">
    <main id="page" data-subject="${escapeAttribute(JSON.stringify(subject))}"></main>
    <script nonce="${nonce}" src="${address(`${name}.js`)}"></script>
  </body>
</html>`;
}

function escapeAttribute(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('"', '&quot;').replaceAll('<', '&lt;');
}
