/** What the server is told that this extension does, beyond what JupyterLab does by itself. */

/** The name of the drive for files that JupyterLab cannot open, and the scheme of the URIs that lead to it. */
export const SOURCE_SCHEME = 'model-loupe';

/**
 * Among the client's capabilities. All are `experimental`: JupyterLab tells them to the other language servers, too,
 * which must not send what only our connection takes.
 */
export const CAPABILITIES = {
  experimental: { modelLoupe: { sourceScheme: SOURCE_SCHEME, workDoneProgress: true } },
};
