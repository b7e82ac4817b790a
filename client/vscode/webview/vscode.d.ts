/** What VS Code gives to the script of a web view. */
declare function acquireVsCodeApi(): {
  postMessage(message: unknown): void;
  setState(state: unknown): void;
};

declare module '*.css';
