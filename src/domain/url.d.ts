// The only thing outside the language that this room uses: every runtime has it (WHATWG URL), and it does nothing
// but parse. The other programs take it from their own types, and leave this file out.
declare class URL {
  constructor(url: string, base?: string);
  readonly hostname: string;
  readonly host: string;
  readonly protocol: string;
  readonly href: string;
  readonly port: string;
  static canParse(url: string): boolean;
  static parse(url: string): URL | null;
}
