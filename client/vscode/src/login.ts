/** Logs the user in to the Hugging Face Hub, in a terminal that they see: the token passes by us. */
import * as vscode from 'vscode';
import { runInTerminal } from './terminal';

// Behind the environment's own, the huggingface_hub that the extension carries.
const SCRIPT = 'import sys; sys.path.append(sys.argv[1]); from huggingface_hub import login; login()';

/** Run huggingface_hub's own log-in under `python`; `libraries` is a folder that has that package. */
export async function logIn(python: string, libraries: string): Promise<void> {
  await runInTerminal(vscode.l10n.t('Log in to the Hugging Face Hub'), python, ['-c', SCRIPT, libraries]);
}
