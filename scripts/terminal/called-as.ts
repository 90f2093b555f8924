// What to call this program in the commands of hints.
/**
 * How to call this program again: npm says so in the environment. For the commands in hints. Nobody owns our name on
 * npm, and outside of the clone or a deployment folder `npx` would install and run whatever somebody publishes under it:
 * with `--no`, npm installs nothing, and `--` keeps it from taking our options for its own (tried with npm 9, 10 and 11).
 */
export const LATCHKEY = process.env.npm_lifecycle_event ? "npm exec --no -- latchkey" : "latchkey";
