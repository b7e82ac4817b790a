/** Markdown without its marks: for the browser's own tooltips, and to compare. */
export function plainText(markdown: string): string {
  return markdown.replace(/\*\*|`/g, '').replace(/\\([^\w\s])/g, '$1');
}
