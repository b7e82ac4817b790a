/** The tree's icons: codicons in the theme's colours. */
import { nodeIcon, type NodeIcon } from '@model-loupe/core';
import * as vscode from 'vscode';

const ICONS: Readonly<Record<NodeIcon, readonly [codicon: string, colour?: string]>> = {
  model: ['package', 'charts.blue'],
  architecture: ['type-hierarchy', 'charts.purple'],
  modules: ['layers', 'charts.purple'],
  module: ['symbol-class', 'symbolIcon.classForeground'],
  parameter: ['symbol-array', 'symbolIcon.fieldForeground'],
  buffer: ['symbol-constant', 'symbolIcon.constantForeground'],
  dtypes: ['symbol-numeric', 'charts.green'],
  dtype: ['symbol-number', 'charts.green'],
  memory: ['chip', 'charts.orange'],
  'memory-item': ['dash', 'charts.orange'],
  config: ['settings', 'charts.yellow'],
  'config-field': ['symbol-property', 'symbolIcon.propertyForeground'],
  tokenizer: ['symbol-key', 'charts.red'],
  files: ['files'],
  file: ['file'],
  'file-missing': ['question', 'list.warningForeground'],
  warning: ['warning', 'list.warningForeground'],
  more: ['ellipsis'],
  error: ['error', 'list.errorForeground'],
  nothing: ['info'],
};

/** The icon of a tree row; a dot for a kind that only a newer server knows. */
export function themeIcon(name: string): vscode.ThemeIcon {
  const icon = nodeIcon(name);
  const [codicon, colour] = icon ? ICONS[icon] : ['circle-small' as const];
  return new vscode.ThemeIcon(codicon, colour === undefined ? undefined : new vscode.ThemeColor(colour));
}
