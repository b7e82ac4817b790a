/** Failures of requests in words for a person. */
import { t } from './translation.js';

/** What was thrown, in its own words. */
export function messageOf(reason: unknown): string {
  return reason instanceof Error ? reason.message : String(reason);
}

/** How vscode-jsonrpc, which carries the requests of both editors, rejects those of a server that has ended. */
const PENDING_RESPONSE_REJECTED = -32097;

/** Nobody answers any more: the connection was closed, and another may take its place. */
export class ServerEnded extends Error {}

/** The reason why a request failed; another one where its own words are about the connection's inside. */
export function requestFailure(reason: unknown): unknown {
  const ended = reason instanceof Error && 'code' in reason && reason.code === PENDING_RESPONSE_REJECTED;
  return ended ? new ServerEnded(t('The language server ended before it had answered.')) : reason;
}
