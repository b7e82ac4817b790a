/** The kinds of tree rows, by `TreeNode.icon`; each editor draws them its own way. */
export const NODE_ICONS = [
  'model',
  'architecture',
  'modules',
  'module',
  'parameter',
  'buffer',
  'dtypes',
  'dtype',
  'memory',
  'memory-item',
  'config',
  'config-field',
  'tokenizer',
  'files',
  'file',
  'file-missing',
  'warning',
  'more',
  'error',
  'nothing',
] as const;

export type NodeIcon = (typeof NODE_ICONS)[number];

const known: ReadonlySet<string> = new Set(NODE_ICONS);

/** The icon that a server asks for, or undefined for one that only a newer server knows. */
export function nodeIcon(name: string): NodeIcon | undefined {
  return known.has(name) ? (name as NodeIcon) : undefined;
}
