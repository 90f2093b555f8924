// No I/O. No clock.
import { html, raw } from "hono/html";

/** A piece of a page. Whatever is put into the template `html` is escaped, save other pieces. */
export type Html = ReturnType<typeof html>;
export { html, raw };
