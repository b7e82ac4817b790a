/** Messages of the server as elements. */
import { html, type TemplateResult } from 'lit-html';

/** What a message has between backticks is code. */
export function codeView(message: string): TemplateResult {
  return html`${message.split('`').map((text, index) => (index % 2 ? html`<code>${text}</code>` : text))}`;
}
