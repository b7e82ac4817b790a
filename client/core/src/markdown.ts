/** Text in Markdown. */

/** `text` as one line of Markdown that shows just that: CommonMark takes any ASCII punctuation behind a backslash. */
export function literalMarkdown(text: string): string {
  return text.trim().replace(/\s+/g, ' ').replace(/[!-/:-@[-`{-~]/g, '\\$&');
}
