declare module '*.svg' {
  /** The text of the file: the builder loads it as it is. */
  const text: string;
  export default text;
}
