/** What the owner can mend: the cause and the remedy, both one line, lower case, no full stop. */
export class EdgeError extends Error {
  readonly hint: string;

  constructor(cause: string, hint: string, options?: ErrorOptions) {
    super(cause, options);
    this.name = "EdgeError";
    this.hint = hint;
  }
}
